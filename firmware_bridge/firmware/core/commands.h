/* The commands by source file. They return E_NONE or an error; lengths are checked before. */
#ifndef OSC_COMMANDS_H
#define OSC_COMMANDS_H

#include <stdint.h>

#include "fault.h"
#include "frame.h"

typedef uint16_t command(const struct header *header, const uint8_t *payload, struct fault *fault);

/* commands.c: send the answer whose payload is in link_answer(). */
void command_answer(const struct header *header, uint16_t count, uint16_t length);

/* guard_commands.c */
command command_limits, command_watchdog, command_interlocks, command_clear;
/* static_commands.c */
command command_set_outputs, command_get_outputs, command_read_inputs, command_pause;
/* exchanges.c: EXCHANGE, SEGMENT and TRIGGER */
command command_exchange;

#endif
