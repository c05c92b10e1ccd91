/* The commands of waveforms. */
#include "bytes.h"
#include "commands.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "sequencer.h"
#include "state.h"
#include "store.h"

static uint16_t plan(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    struct plan plan = {.exchange = get_u32(payload),
                        .records = get_u32(payload + 4),
                        .repeats = get_u32(payload + 8),
                        .period = get_u32(payload + 12),
                        .bytes = get_u32(payload + 16),
                        .lines = get_u16(payload + 20),
                        .inputs = get_u16(payload + 22)};
    plan.output = payload + 24;
    plan.input = plan.output + 2u * plan.lines;
    if (sequencer_progress()->state == S_RUNNING)
        return refuse(fault, E_BUSY);
    if ((uint32_t)plan.lines + plan.inputs != header->count)
        return refuse(fault, E_LENGTH);
    if (plan.lines && may_drive(fault) != E_NONE)
        return fault->code;
    if (sequencer_plan(&plan, fault) != E_NONE)
        return fault->code;
    device.ending = 0;
    device.credit_told = store_free();
    put_u32(link_answer(), plan.exchange);
    put_u32(link_answer() + 4, store_free());
    command_answer(header, 0, 8);
    return E_NONE;
}

/* Return E_NONE if the exchange can take records or a trigger. */
static uint16_t check_exchange(const uint8_t *payload, bool may_run, struct fault *fault)
{
    const struct progress *progress = sequencer_progress();
    bool right = progress->state == S_LOADING || (may_run && progress->state == S_RUNNING);
    if (!right || get_u32(payload) != progress->exchange)
        return refuse(fault, E_NO_EXCHANGE);
    return E_NONE;
}

static uint16_t segment(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    const struct progress *progress = sequencer_progress();
    if (check_exchange(payload, true, fault) != E_NONE)
        return fault->code;
    bool was_running = progress->state == S_RUNNING;
    if (sequencer_add(get_u32(payload + 4), payload + 8, header->length - 8u, header->count,
                      fault) != E_NONE) {
        if (was_running && progress->state == S_FAILED)
            report_ending(EV_FAILED);
        return fault->code;
    }
    device.credit_told = store_free();
    put_u32(link_answer(), progress->exchange);
    put_u32(link_answer() + 4, progress->accepted);
    put_u32(link_answer() + 8, store_free());
    command_answer(header, 0, 12);
    return E_NONE;
}

static uint16_t trigger(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    if (check_exchange(payload, false, fault) != E_NONE)
        return fault->code;
    if (sequencer_drives() && may_drive(fault) != E_NONE)
        return fault->code;
    if (sequencer_trigger(fault) != E_NONE)
        return fault->code;
    put_u32(link_answer(), sequencer_progress()->exchange);
    put_u32(link_answer() + 4, 0);
    command_answer(header, 0, 8);
    return E_NONE;
}

uint16_t command_exchange(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    if (header->type == T_EXCHANGE)
        return plan(header, payload, fault);
    if (header->type == T_SEGMENT)
        return segment(header, payload, fault);
    return trigger(header, payload, fault);
}
