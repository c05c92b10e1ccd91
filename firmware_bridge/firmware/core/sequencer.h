/* A waveform: its announcement, checking of its records, and playback. */
#ifndef OSC_SEQUENCER_H
#define OSC_SEQUENCER_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

/* EXCHANGE, with its lists as bytes. */
struct plan {
    uint32_t exchange, records, repeats, period, bytes;
    uint16_t lines, inputs;
    const uint8_t *output, *input;
};

struct progress {
    uint8_t state;
    uint16_t code;
    uint32_t exchange, accepted;
    uint64_t samples;
};

void sequencer_start(void);
const struct progress *sequencer_progress(void);
bool sequencer_is_open(void); /* loading or running */
bool sequencer_drives(void); /* any output */
uint16_t sequencer_inputs(void);

uint16_t sequencer_plan(const struct plan *plan, struct fault *fault);
/* Check and store `count` records of `size` bytes. A bad record fails the exchange. */
uint16_t sequencer_add(uint32_t first, const uint8_t *bytes, uint32_t size, uint32_t count,
                       struct fault *fault);
uint16_t sequencer_trigger(struct fault *fault);

/* Continue playback for a while; return false if it must wait or is over. */
bool sequencer_run(void);
/* End the waveform; outputs hold. */
void sequencer_end(uint8_t state, uint16_t code);

#endif
