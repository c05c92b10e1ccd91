/* Playback of a waveform by the sample clock. */
#include "sequencer.h"

#include "guard.h"
#include "hal.h"
#include "outputs.h"
#include "readings.h"
#include "waveform.h"

/* Records or readings in one pass, before frames of the host are handled. */
#define AT_ONCE 64

struct waveform waveform;

void sequencer_start(void)
{
    waveform.progress = (struct progress){.state = S_NONE};
    waveform.inputs = 0;
    store_clear(false);
    readings_clear(0);
}

const struct progress *sequencer_progress(void)
{
    return &waveform.progress;
}

bool sequencer_is_open(void)
{
    return waveform.progress.state == S_LOADING || waveform.progress.state == S_RUNNING;
}

bool sequencer_drives(void)
{
    return waveform.lines > 0;
}

uint16_t sequencer_inputs(void)
{
    return waveform.inputs;
}

uint64_t waveform_ns(uint64_t ticks)
{
    uint32_t hz = hal_board()->clock_hz;
    return ticks / hz * 1000000000u + ticks % hz * 1000000000u / hz;
}

uint16_t sequencer_trigger(struct fault *fault)
{
    if (waveform.progress.accepted == 0)
        return refuse(fault, E_NO_EXCHANGE);
    waveform.progress.state = S_RUNNING;
    waveform.began_ns = hal_time_ns();
    waveform.repeat = waveform.record = 0;
    waveform.record_begin = 0;
    waveform.in_record = false;
    return E_NONE;
}

void sequencer_end(uint8_t state, uint16_t code)
{
    waveform.progress.state = state;
    waveform.progress.code = code;
    store_clear(false);
}

static bool is_virtual(void)
{
    return (hal_board()->flags & BOARD_VIRTUAL_CLOCK) != 0;
}

static uint64_t time_of(uint64_t sample)
{
    return waveform.began_ns + waveform_ns(sample * waveform.period);
}

/* Output the levels of the next record; return false if it must wait or the exchange is over. */
static bool begin_record(void)
{
    if (waveform.record == waveform.records) {
        waveform.record = 0;
        if (++waveform.repeat == waveform.repeats) {
            sequencer_end(S_DONE, E_NONE);
            return false;
        }
        store_rewind();
    }
    if (!store_next(waveform.lines, &waveform.now)) {
        /* A virtual clock stops until the host has sent more. */
        if (!is_virtual())
            sequencer_end(S_FAILED, E_UNDERRUN);
        return false;
    }
    if (!waveform.now.holds) {
        for (uint16_t n = 0; n < waveform.lines; n++)
            outputs_put(waveform.output[n], store_code(waveform.now.at + 2u * n));
        outputs_latch();
    }
    store_free_played();
    waveform.in_record = true;
    waveform.reading = 0;
    waveform.record++;
    return true;
}

static bool take_reading(void)
{
    const struct record *now = &waveform.now;
    uint64_t sample = waveform.record_begin + now->samples - now->read + waveform.reading + 1;
    if (!hal_reached(time_of(sample)))
        return false;
    if (!readings_room()) {
        if (!is_virtual())
            sequencer_end(S_FAILED, E_OVERRUN);
        return false;
    }
    if (waveform.inputs)
        hal_read(waveform.input, waveform.inputs, readings_row(), waveform.period_ns);
    readings_add();
    waveform.reading++;
    waveform.progress.samples = sample;
    return true;
}

static bool end_record(void)
{
    uint64_t end = waveform.record_begin + waveform.now.samples;
    if (!hal_reached(time_of(end)))
        return false;
    waveform.progress.samples = waveform.record_begin = end;
    waveform.in_record = false;
    return true;
}

bool sequencer_run(void)
{
    for (int n = 0; n < AT_ONCE; n++) {
        if (waveform.progress.state != S_RUNNING)
            return false;
        bool went_on = !waveform.in_record                    ? begin_record()
                       : waveform.reading < waveform.now.read ? take_reading()
                                                              : end_record();
        uint16_t trouble = hal_trouble();
        if (trouble != E_NONE && waveform.progress.state == S_RUNNING)
            sequencer_end(S_FAILED, trouble);
        if (!went_on || !guard_look())
            return false;
    }
    return true;
}
