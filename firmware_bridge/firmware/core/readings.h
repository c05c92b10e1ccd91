/* Rows of readings, kept until the host acknowledges them. */
#ifndef OSC_READINGS_H
#define OSC_READINGS_H

#include <stdbool.h>
#include <stdint.h>

void readings_clear(uint16_t inputs);
/* Whether there is room for one more row; the place of its codes; adding it. */
bool readings_room(void);
uint16_t *readings_row(void);
void readings_add(void);
uint32_t readings_rows(void);
/* Drop rows before `row`, which the host has received. */
void readings_forget(uint32_t row);
/* The number of rows to send, the first of them, and the codes of a row. */
uint32_t readings_unsent(void);
uint32_t readings_first_unsent(void);
void readings_send_from(uint32_t row);
const uint16_t *readings_at(uint32_t row);

#endif
