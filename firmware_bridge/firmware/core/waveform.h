/* The present waveform, loaded by loading.c and played by sequencer.c. */
#ifndef OSC_WAVEFORM_H
#define OSC_WAVEFORM_H

#include "config.h"
#include "sequencer.h"
#include "store.h"

struct waveform {
    struct progress progress;
    uint32_t records, repeats, period;
    uint64_t period_ns;
    uint16_t lines, inputs;
    uint16_t output[OSC_OUTPUTS], input[OSC_INPUTS];
    uint16_t reach[OSC_OUTPUTS]; /* codes from sample to sample, by line */
    uint16_t last[OSC_OUTPUTS];  /* levels after the records accepted, by line */
    uint32_t first_codes;        /* position of the first levels, for repeats */
    bool has_first;
    /* playing */
    uint64_t began_ns, record_begin;
    uint32_t repeat, record, reading;
    bool in_record;
    struct record now;
};

extern struct waveform waveform;

/* Ticks of the board's clock in nanoseconds. */
uint64_t waveform_ns(uint64_t ticks);

#endif
