#include "sequencer.h"

#include "bytes.h"
#include "config.h"
#include "guard.h"
#include "hal.h"
#include "outputs.h"
#include "readings.h"
#include "store.h"

/* Records or readings in one go, before the host is listened to again. */
#define AT_ONCE 64

static struct {
    struct progress progress;
    uint32_t records, repeats, period, period_ns;
    uint16_t lines, inputs;
    uint16_t output[OSC_OUTPUTS], input[OSC_INPUTS];
    uint16_t reach[OSC_OUTPUTS]; /* codes from sample to sample, by line */
    uint16_t last[OSC_OUTPUTS];  /* levels after the records accepted, by line */
    uint32_t first_codes;        /* where the first levels are, for repeats */
    bool has_first;
    /* playing */
    uint64_t began_ns, record_begin;
    uint32_t repeat, record, reading;
    bool in_record;
    struct record now;
} seq;

void sequencer_start(void)
{
    seq.progress = (struct progress){.state = S_NONE};
    seq.inputs = 0;
    store_clear(false);
    readings_clear(0);
}

const struct progress *sequencer_progress(void)
{
    return &seq.progress;
}

bool sequencer_is_open(void)
{
    return seq.progress.state == S_LOADING || seq.progress.state == S_RUNNING;
}

bool sequencer_drives(void)
{
    return seq.lines > 0;
}

uint16_t sequencer_inputs(void)
{
    return seq.inputs;
}

static uint64_t ns_of(uint64_t ticks)
{
    uint32_t hz = hal_board()->clock_hz;
    return ticks / hz * 1000000000u + ticks % hz * 1000000000u / hz;
}

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
        plan->exchange == seq.progress.exchange)
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
    seq.progress = (struct progress){.state = S_LOADING, .exchange = plan->exchange};
    seq.records = plan->records;
    seq.repeats = plan->repeats;
    seq.period = plan->period;
    seq.period_ns = (uint32_t)ns_of(plan->period);
    seq.lines = plan->lines;
    seq.inputs = plan->inputs;
    seq.has_first = false;
    for (uint16_t n = 0; n < plan->lines; n++) {
        uint16_t output = get_u16(plan->output + 2u * n);
        seq.output[n] = output;
        seq.reach[n] = (uint16_t)outputs_reach(output, ns_of(plan->period));
        seq.last[n] = outputs_level(output);
    }
    for (uint16_t n = 0; n < plan->inputs; n++)
        seq.input[n] = get_u16(plan->input + 2u * n);
    store_clear(plan->repeats > 1);
    readings_clear(plan->inputs);
    return E_NONE;
}

static uint16_t check_codes(const uint8_t *codes, struct fault *fault)
{
    for (uint16_t n = 0; n < seq.lines; n++) {
        uint16_t to = get_u16(codes + 2u * n);
        if (to == seq.last[n])
            continue;
        if (outputs_check_move(seq.output[n], seq.last[n], to, seq.reach[n], fault) != E_NONE)
            return fault->code;
        seq.last[n] = to;
    }
    return E_NONE;
}

/* The length of one record after checking it, or 0. */
static uint32_t check_record(const uint8_t *at, uint32_t size, struct fault *fault)
{
    uint32_t samples = size >= 8 ? get_u32(at) : 0;
    uint32_t most = samples & ~WIRE_HOLD;
    uint32_t length = 8 + (samples & WIRE_HOLD ? 0 : 2u * seq.lines);
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

/* With repeats the first levels follow the last. */
static uint16_t check_return(struct fault *fault)
{
    for (uint16_t n = 0; seq.has_first && n < seq.lines; n++) {
        uint16_t to = store_code(seq.first_codes + 2u * n);
        if (outputs_check_move(seq.output[n], seq.last[n], to, seq.reach[n], fault) != E_NONE)
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
    if (first != seq.progress.accepted || count > seq.records - first)
        return refuse_value(fault, E_VALUE, first, seq.progress.accepted, seq.records);
    if (size > store_free())
        return refuse_value(fault, E_NO_ROOM, size, 0, store_free());
    uint32_t at = 0, begin = store_end();
    for (uint32_t n = 0; n < count; n++) {
        uint32_t length = check_record(bytes + at, size - at, fault);
        if (length == 0)
            return failed(fault, first + n);
        if (length > 8 && !seq.has_first) {
            seq.has_first = true;
            seq.first_codes = begin + at + 8;
        }
        at += length;
    }
    if (at != size) {
        refuse(fault, E_LENGTH);
        return failed(fault, first + count);
    }
    store_put(bytes, size);
    if (first + count == seq.records && seq.repeats > 1 && check_return(fault) != E_NONE)
        return failed(fault, 0);
    seq.progress.accepted += count;
    return E_NONE;
}

uint16_t sequencer_trigger(struct fault *fault)
{
    if (seq.progress.accepted == 0)
        return refuse(fault, E_NO_EXCHANGE);
    seq.progress.state = S_RUNNING;
    seq.began_ns = hal_time_ns();
    seq.repeat = seq.record = 0;
    seq.record_begin = 0;
    seq.in_record = false;
    return E_NONE;
}

void sequencer_end(uint8_t state, uint16_t code)
{
    seq.progress.state = state;
    seq.progress.code = code;
    store_clear(false);
}

static bool is_virtual(void)
{
    return (hal_board()->flags & BOARD_VIRTUAL_CLOCK) != 0;
}

static uint64_t time_of(uint64_t sample)
{
    return seq.began_ns + ns_of(sample * seq.period);
}

/* Take the next record and put its levels out; false where it must wait or the exchange is over. */
static bool begin_record(void)
{
    if (seq.record == seq.records) {
        seq.record = 0;
        if (++seq.repeat == seq.repeats) {
            sequencer_end(S_DONE, E_NONE);
            return false;
        }
        store_rewind();
    }
    if (!store_next(seq.lines, &seq.now)) {
        /* A virtual clock stands still until the host has sent more. */
        if (!is_virtual())
            sequencer_end(S_FAILED, E_UNDERRUN);
        return false;
    }
    if (!seq.now.holds) {
        for (uint16_t n = 0; n < seq.lines; n++)
            outputs_put(seq.output[n], store_code(seq.now.at + 2u * n));
        outputs_latch();
    }
    store_free_played();
    seq.in_record = true;
    seq.reading = 0;
    seq.record++;
    return true;
}

static bool take_reading(void)
{
    uint64_t sample = seq.record_begin + seq.now.samples - seq.now.read + seq.reading + 1;
    if (!readings_room()) {
        if (!is_virtual())
            sequencer_end(S_FAILED, E_OVERRUN);
        return false;
    }
    if (!hal_reached(time_of(sample)))
        return false;
    if (seq.inputs)
        hal_read(seq.input, seq.inputs, readings_row(), seq.period_ns);
    readings_add();
    seq.reading++;
    seq.progress.samples = sample;
    return true;
}

static bool end_record(void)
{
    uint64_t end = seq.record_begin + seq.now.samples;
    if (!hal_reached(time_of(end)))
        return false;
    seq.progress.samples = seq.record_begin = end;
    seq.in_record = false;
    return true;
}

bool sequencer_run(void)
{
    for (int n = 0; n < AT_ONCE; n++) {
        if (seq.progress.state != S_RUNNING)
            return false;
        bool went_on = !seq.in_record                 ? begin_record()
                       : seq.reading < seq.now.read ? take_reading()
                                                      : end_record();
        uint16_t trouble = hal_trouble();
        if (trouble != E_NONE && seq.progress.state == S_RUNNING)
            sequencer_end(S_FAILED, trouble);
        if (!went_on || !guard_look())
            return false;
    }
    return true;
}
