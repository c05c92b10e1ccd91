/* Outgoing frames: answers, which are kept for repetition, and the device's own messages. */
#ifndef OSC_LINK_H
#define OSC_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "frame.h"

void link_start(void);
/* Return whether there is room for a frame of the largest size; check before sending. */
bool link_room(void);
/* Pass bytes to the port; return true if some are left. */
bool link_flush(void);

/* The payload of the next answer, and its sending; `header` is that of the command. */
uint8_t *link_answer(void);
void link_send_answer(const struct header *header, uint8_t type, uint16_t count, uint16_t length);
/* Send the last answer again. */
void link_repeat_answer(void);

/* The payload of the next urgent answer or own message, and its sending. */
uint8_t *link_own(void);
void link_send_own(uint32_t session, uint8_t type, uint16_t sequence, uint16_t count,
                   uint16_t length);

/* Fill in the payload of an ERROR; return its length. */
uint16_t link_error(uint8_t *payload, uint8_t refused, const struct fault *fault,
                    uint16_t expected);

#endif
