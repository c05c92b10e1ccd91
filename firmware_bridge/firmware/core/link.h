/* Frames out: answers, which are kept to be sent again, and what the device says by itself. */
#ifndef OSC_LINK_H
#define OSC_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "frame.h"

void link_start(void);
/* Whether one more frame of the largest size can be taken; nothing is sent without. */
bool link_room(void);
/* Bytes on to the port; true if some are left. */
bool link_flush(void);

/* The payload of the next answer, and sending it; `header` is that of what it answers. */
uint8_t *link_answer(void);
void link_send_answer(const struct header *header, uint8_t type, uint16_t count, uint16_t length);
/* The last answer once more. */
void link_repeat_answer(void);

/* The payload of the next urgent answer or message of the device's own. */
uint8_t *link_own(void);
void link_send_own(uint32_t session, uint8_t type, uint16_t sequence, uint16_t count,
                   uint16_t length);

/* Fill in an ERROR's payload: its length. */
uint16_t link_error(uint8_t *payload, uint8_t refused, const struct fault *fault,
                    uint16_t expected);

#endif
