/* Commands other than those of waveforms. */
#include "bytes.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "readings.h"
#include "sequencer.h"
#include "state.h"

typedef uint16_t handler(const struct header *header, const uint8_t *payload, struct fault *fault);

static void answer(const struct header *header, uint16_t count, uint16_t length)
{
    link_send_answer(header, header->type | T_ANSWER, count, length);
}

static void start_waiting(const struct header *header, enum under_way what, uint64_t ns)
{
    device.wait.what = what;
    device.wait.failed = E_NONE;
    device.wait.header = *header;
    device.wait.due_ns = hal_time_ns() + ns;
}

static uint16_t capabilities(const struct header *header, const uint8_t *payload,
                             struct fault *fault)
{
    const struct board *board = hal_board();
    uint8_t *at = link_answer();
    (void)payload;
    (void)fault;
    memset(at, 0, 32u + 24u * OSC_BANKS);
    put_u32(at, board->flags);
    put_u32(at + 4, board->clock_hz);
    put_u32(at + 8, board->min_period);
    put_u32(at + 12, board->update_us);
    put_u32(at + 16, OSC_STORE);
    put_u32(at + 20, OSC_READINGS);
    put_u16(at + 24, outputs_count());
    put_u16(at + 26, inputs_count());
    put_u16(at + 28, OSC_INTERLOCKS);
    at += 32;
    for (uint16_t n = 0; n < board->banks; n++, at += 24) {
        const struct bank *bank = &board->bank[n];
        at[0] = bank->kind;
        at[1] = bank->bits;
        put_u16(at + 2, bank->channels);
        put_u32(at + 4, (uint32_t)bank->lower_uV);
        put_u32(at + 8, bank->step_nV);
        put_f32(at + 12, bank->slew);
        put_u16(at + 16, bank->top);
        put_u16(at + 18, bank->power_on);
    }
    answer(header, board->banks, (uint16_t)(32 + 24 * board->banks));
    return E_NONE;
}

static struct limit limit_at(const uint8_t *at)
{
    return (struct limit){.output = get_u16(at),
                          .lower = get_u16(at + 2),
                          .upper = get_u16(at + 4),
                          .safe = get_u16(at + 6),
                          .slew = get_f32(at + 8)};
}

static uint16_t limits(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    for (uint16_t n = 0; n < header->count; n++) {
        struct limit limit = limit_at(payload + 12u * n);
        if (outputs_check_limit(&limit, fault) != E_NONE) {
            fault->item = n;
            return fault->code;
        }
    }
    for (uint16_t n = 0; n < header->count; n++) {
        struct limit limit = limit_at(payload + 12u * n);
        outputs_set_limit(&limit);
    }
    guard_limits_changed();
    put_u16(link_answer(), outputs_limited());
    put_u16(link_answer() + 2, 0);
    answer(header, 0, 4);
    return E_NONE;
}

static uint16_t watchdog(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint32_t ms = get_u32(payload);
    if (guard_set_timeout(ms, fault) != E_NONE)
        return fault->code;
    put_u32(link_answer(), ms);
    put_u32(link_answer() + 4, outputs_ramp_ms());
    answer(header, 0, 8);
    return E_NONE;
}

static uint16_t interlocks(const struct header *header, const uint8_t *payload,
                           struct fault *fault)
{
    struct interlock locks[OSC_INTERLOCKS];
    if (header->count > OSC_INTERLOCKS)
        return refuse_value(fault, E_NO_ROOM, header->count, 0, OSC_INTERLOCKS);
    for (uint16_t n = 0; n < header->count; n++) {
        const uint8_t *at = payload + 8u * n;
        locks[n] = (struct interlock){get_u16(at), get_u16(at + 2), get_u16(at + 4)};
        if (locks[n].input >= inputs_count())
            return refuse_channel(fault, E_CHANNEL, locks[n].input);
    }
    guard_set_interlocks(locks, header->count);
    put_u16(link_answer(), header->count);
    put_u16(link_answer() + 2, 0);
    answer(header, 0, 4);
    return E_NONE;
}

/* E_NONE if there are outputs first to first + count - 1. */
static uint16_t check_outputs(uint16_t first, uint16_t count, struct fault *fault)
{
    uint32_t all = outputs_count();
    if ((uint32_t)first + count > all)
        return refuse_channel(fault, E_CHANNEL, first > all ? first : (uint16_t)all);
    return E_NONE;
}

static uint16_t set_outputs(const struct header *header, const uint8_t *payload,
                            struct fault *fault)
{
    uint16_t first = get_u16(payload);
    uint64_t update_ns = 1000ull * hal_board()->update_us;
    if (may_drive(fault) != E_NONE || check_outputs(first, header->count, fault) != E_NONE)
        return fault->code;
    for (uint16_t n = 0; n < header->count; n++) {
        uint16_t output = (uint16_t)(first + n), to = get_u16(payload + 4 + 2u * n);
        uint32_t reach = outputs_reach(output, update_ns);
        uint16_t from = outputs_level(output);
        if (outputs_check_move(output, from, to, reach, fault) != E_NONE)
            return fault->code;
        device.wait.list[n] = to;
    }
    device.wait.first = first;
    device.wait.count = header->count;
    start_waiting(header, STATIC, update_ns);
    return E_NONE;
}

static uint16_t get_outputs(const struct header *header, const uint8_t *payload,
                            struct fault *fault)
{
    uint16_t first = get_u16(payload), wanted = get_u16(payload + 2);
    if (check_outputs(first, wanted, fault) != E_NONE)
        return fault->code;
    if (4u + 2u * wanted > OSC_MAX_PAYLOAD)
        return refuse_value(fault, E_TOO_LARGE, 4u + 2u * wanted, 0, OSC_MAX_PAYLOAD);
    put_u16(link_answer(), first);
    put_u16(link_answer() + 2, 0);
    for (uint16_t n = 0; n < wanted; n++)
        put_u16(link_answer() + 4 + 2u * n, outputs_level((uint16_t)(first + n)));
    answer(header, wanted, (uint16_t)(4 + 2 * wanted));
    return E_NONE;
}

static uint16_t read_inputs(const struct header *header, const uint8_t *payload,
                            struct fault *fault)
{
    uint16_t samples = get_u16(payload);
    uint32_t size = 4 + 2u * samples * header->count;
    if (size > OSC_MAX_PAYLOAD)
        return refuse_value(fault, E_TOO_LARGE, size, 0, OSC_MAX_PAYLOAD);
    if (header->count > OSC_INPUTS || header->count == 0 || samples == 0)
        return refuse_value(fault, E_VALUE, header->count, 1, OSC_INPUTS);
    for (uint16_t n = 0; n < header->count; n++) {
        uint16_t input = get_u16(payload + 4 + 2u * n);
        if (input >= inputs_count()) {
            refuse_channel(fault, E_CHANNEL, input);
            fault->item = n;
            return E_CHANNEL;
        }
        device.wait.list[n] = input;
    }
    /* While a waveform plays the clock is its own: a single look, at this instant. */
    bool playing = sequencer_is_open();
    if (playing && samples > 1)
        return refuse(fault, E_BUSY);
    device.wait.samples = samples;
    device.wait.count = header->count;
    device.wait.done = 0;
    uint64_t period_ns = 1000000000ull * hal_board()->min_period / hal_board()->clock_hz;
    start_waiting(header, READ, playing ? 0 : period_ns);
    return E_NONE;
}

static uint16_t pause(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint64_t ns = get_u64(payload);
    if (ns > (uint64_t)3600 * 1000000000)
        return refuse_value(fault, E_VALUE, UINT32_MAX, 0, INT32_MAX);
    start_waiting(header, PAUSE, ns);
    return E_NONE;
}

static uint16_t clear(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    (void)payload;
    if (device.ramping)
        return refuse(fault, E_BUSY);
    if (guard_check_interlocks(fault) != E_NONE)
        return fault->code;
    put_u16(link_answer(), device.trip.trip);
    put_u16(link_answer() + 2, 0);
    device.trip.trip = TRIP_NONE;
    answer(header, 0, 4);
    return E_NONE;
}

static uint16_t bye(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    (void)payload;
    (void)fault;
    if (sequencer_is_open())
        sequencer_end(S_ABORTED, E_ABORTED);
    guard_disarm();
    answer(header, 0, 0);
    device.session = 0;
    return E_NONE;
}

static uint16_t plant(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint16_t length = 0;
    if (hal_plant(header->type, payload, header->length, header->count, fault, link_answer(),
                  &length) != E_NONE)
        return fault->code;
    answer(header, 0, length);
    return E_NONE;
}

/* Lengths are `fixed` and `each` for every item; `idle` commands wait for the end of a waveform. */
static const struct {
    handler *handle;
    uint16_t fixed, each;
    bool idle;
} commands[] = {
    [T_CAPABILITIES] = {capabilities, 0, 0, false},
    [T_LIMITS] = {limits, 0, 12, true},
    [T_WATCHDOG] = {watchdog, 4, 0, false},
    [T_INTERLOCKS] = {interlocks, 0, 8, false},
    [T_SET_OUTPUTS] = {set_outputs, 4, 2, true},
    [T_GET_OUTPUTS] = {get_outputs, 4, 0, false},
    [T_READ_INPUTS] = {read_inputs, 4, 2, false},
    [T_PAUSE] = {pause, 8, 0, true},
    [T_EXCHANGE] = {exchange_do, 24, 2, false},
    [T_SEGMENT] = {exchange_do, 8, 0, false},
    [T_TRIGGER] = {exchange_do, 4, 0, false},
    [T_CLEAR] = {clear, 0, 0, false},
    [T_BYE] = {bye, 0, 0, false},
    [T_PLANT_SETUP] = {plant, 56, 0, true},
    [T_PLANT_LINES] = {plant, 0, 16, true},
    [T_PLANT_START] = {plant, 4, 0, true},
};

uint16_t command_do(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint8_t type = header->type;
    if (type >= sizeof commands / sizeof commands[0] || commands[type].handle == NULL)
        return refuse(fault, E_TYPE);
    uint32_t length = commands[type].fixed + (uint32_t)commands[type].each * header->count;
    bool open_ended = type == T_SEGMENT && header->length > length;
    if (header->length != length && !open_ended)
        return refuse(fault, E_LENGTH);
    if (commands[type].idle && sequencer_is_open())
        return refuse(fault, E_BUSY);
    return commands[type].handle(header, payload, fault);
}
