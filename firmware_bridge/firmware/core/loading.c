/* Loading of a waveform: its announcement, and checking of records as they arrive. */
#include "bytes.h"
#include "hal.h"
#include "outputs.h"
#include "readings.h"
#include "waveform.h"

static uint16_t check_lists(const struct plan *plan, struct fault *fault)
{
    static uint8_t seen[(OSC_OUTPUTS + 7) / 8];
    memset(seen, 0, sizeof seen);
    for (uint16_t n = 0; n < plan->lines; n++) {
        uint16_t output = get_u16(plan->output + 2u * n);
        bool twice = output < outputs_count() && (seen[output / 8] >> output % 8 & 1);
        if (output >= outputs_count() || twice) {
            refuse_channel(fault, E_CHANNEL, output);
            fault->item = n;
            return E_CHANNEL;
        }
        seen[output / 8] |= (uint8_t)(1 << output % 8);
    }
    for (uint16_t n = 0; n < plan->inputs; n++) {
        uint16_t input = get_u16(plan->input + 2u * n);
        if (input >= inputs_count()) {
            refuse_channel(fault, E_CHANNEL, input);
            fault->item = n;
            return E_CHANNEL;
        }
    }
    return E_NONE;
}

uint16_t sequencer_plan(const struct plan *plan, struct fault *fault)
{
    const struct board *board = hal_board();
    if (plan->exchange == 0 || plan->exchange == WIRE_ANY ||
        plan->exchange == waveform.progress.exchange)
        return refuse_value(fault, E_VALUE, plan->exchange, 1, INT32_MAX);
    if (plan->period < board->min_period || plan->period > INT32_MAX)
        return refuse_value(fault, E_VALUE, plan->period, board->min_period, INT32_MAX);
    if (plan->records == 0 || plan->repeats == 0)
        return refuse_value(fault, E_VALUE, 0, 1, INT32_MAX);
    if (plan->repeats > 1 && plan->bytes > OSC_STORE)
        return refuse_value(fault, E_NO_ROOM, plan->bytes, 0, OSC_STORE);
    if (2u * plan->inputs > OSC_READINGS || plan->inputs > OSC_INPUTS ||
        12u + 2u * plan->inputs > OSC_MAX_PAYLOAD)
        return refuse_value(fault, E_NO_ROOM, plan->inputs, 0, OSC_INPUTS);
    if (check_lists(plan, fault) != E_NONE)
        return fault->code;
    waveform.progress = (struct progress){.state = S_LOADING, .exchange = plan->exchange};
    waveform.records = plan->records;
    waveform.repeats = plan->repeats;
    waveform.period = plan->period;
    waveform.period_ns = waveform_ns(plan->period);
    waveform.lines = plan->lines;
    waveform.inputs = plan->inputs;
    waveform.has_first = false;
    for (uint16_t n = 0; n < plan->lines; n++) {
        uint16_t output = get_u16(plan->output + 2u * n);
        waveform.output[n] = output;
        waveform.reach[n] = (uint16_t)outputs_reach(output, waveform_ns(plan->period));
        waveform.last[n] = outputs_level(output);
    }
    for (uint16_t n = 0; n < plan->inputs; n++)
        waveform.input[n] = get_u16(plan->input + 2u * n);
    store_clear(plan->repeats > 1);
    readings_clear(plan->inputs);
    return E_NONE;
}

static uint16_t check_codes(const uint8_t *codes, struct fault *fault)
{
    for (uint16_t n = 0; n < waveform.lines; n++) {
        uint16_t to = get_u16(codes + 2u * n);
        if (to == waveform.last[n])
            continue;
        if (outputs_check_move(waveform.output[n], waveform.last[n], to, waveform.reach[n],
                               fault) != E_NONE)
            return fault->code;
        waveform.last[n] = to;
    }
    return E_NONE;
}

/* Check one record; return its length, or 0 if it is refused. */
static uint32_t check_record(const uint8_t *at, uint32_t size, struct fault *fault)
{
    uint32_t samples = size >= 8 ? get_u32(at) : 0;
    uint32_t most = samples & ~WIRE_HOLD;
    uint32_t length = 8 + (samples & WIRE_HOLD ? 0 : 2u * waveform.lines);
    if (size < length) {
        refuse(fault, E_LENGTH);
        return 0;
    }
    if (most == 0 || get_u32(at + 4) > most) {
        refuse_value(fault, E_VALUE, get_u32(at + 4), most == 0, most);
        return 0;
    }
    if (!(samples & WIRE_HOLD) && check_codes(at + 8, fault) != E_NONE)
        return 0;
    return length;
}

/* Check the step from the last levels to the first, which repeats make. */
static uint16_t check_return(struct fault *fault)
{
    for (uint16_t n = 0; waveform.has_first && n < waveform.lines; n++) {
        uint16_t to = store_code(waveform.first_codes + 2u * n);
        if (outputs_check_move(waveform.output[n], waveform.last[n], to, waveform.reach[n],
                               fault) != E_NONE)
            return fault->code;
    }
    return E_NONE;
}

static uint16_t failed(struct fault *fault, uint32_t item)
{
    fault->item = item;
    sequencer_end(S_FAILED, fault->code);
    return fault->code;
}

uint16_t sequencer_add(uint32_t first, const uint8_t *bytes, uint32_t size, uint32_t count,
                       struct fault *fault)
{
    if (first != waveform.progress.accepted || count > waveform.records - first)
        return refuse_value(fault, E_VALUE, first, waveform.progress.accepted, waveform.records);
    if (size > store_free())
        return refuse_value(fault, E_NO_ROOM, size, 0, store_free());
    uint32_t at = 0, begin = store_end();
    for (uint32_t n = 0; n < count; n++) {
        uint32_t length = check_record(bytes + at, size - at, fault);
        if (length == 0)
            return failed(fault, first + n);
        if (length > 8 && !waveform.has_first) {
            waveform.has_first = true;
            waveform.first_codes = begin + at + 8;
        }
        at += length;
    }
    if (at != size) {
        refuse(fault, E_LENGTH);
        return failed(fault, first + count);
    }
    store_put(bytes, size);
    if (first + count == waveform.records && waveform.repeats > 1 && check_return(fault) != E_NONE)
        return failed(fault, 0);
    waveform.progress.accepted += count;
    return E_NONE;
}
