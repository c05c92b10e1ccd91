/* Rows of readings, kept until the host has acknowledged them. */
#ifndef OSC_READINGS_H
#define OSC_READINGS_H

#include <stdbool.h>
#include <stdint.h>

void readings_clear(uint16_t inputs);
/* Room for one more row; where to put its codes, then count it. */
bool readings_room(void);
uint16_t *readings_row(void);
void readings_add(void);
uint32_t readings_rows(void);
/* Rows before `row` arrived. */
void readings_forget(uint32_t row);
/* How many rows were not sent, the first of them, and a row's codes. */
uint32_t readings_unsent(void);
uint32_t readings_first_unsent(void);
void readings_send_from(uint32_t row);
const uint16_t *readings_at(uint32_t row);

#endif
