/* Commands without a waveform: static outputs, inputs, pauses. */
#include "bytes.h"
#include "commands.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "sequencer.h"
#include "state.h"

static void start_waiting(const struct header *header, enum under_way what, uint64_t ns)
{
    device.wait.what = what;
    device.wait.failed = E_NONE;
    device.wait.header = *header;
    device.wait.due_ns = hal_time_ns() + ns;
}

/* Return E_NONE if outputs first to first + count - 1 exist. */
static uint16_t check_outputs(uint16_t first, uint16_t count, struct fault *fault)
{
    uint32_t all = outputs_count();
    if ((uint32_t)first + count > all)
        return refuse_channel(fault, E_CHANNEL, first > all ? first : (uint16_t)all);
    return E_NONE;
}

uint16_t command_set_outputs(const struct header *header, const uint8_t *payload,
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

uint16_t command_get_outputs(const struct header *header, const uint8_t *payload,
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
    command_answer(header, wanted, (uint16_t)(4 + 2 * wanted));
    return E_NONE;
}

uint16_t command_read_inputs(const struct header *header, const uint8_t *payload,
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
    /* A waveform owns the sample clock, so only one sample can be read, at the present time. */
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

uint16_t command_pause(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint64_t ns = get_u64(payload);
    if (ns > (uint64_t)3600 * 1000000000)
        return refuse_value(fault, E_VALUE, UINT32_MAX, 0, INT32_MAX);
    start_waiting(header, PAUSE, ns);
    return E_NONE;
}
