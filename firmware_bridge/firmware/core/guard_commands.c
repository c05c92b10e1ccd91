/* Commands of the guard: limits, watchdog, interlocks, and clearing a trip. */
#include "bytes.h"
#include "commands.h"
#include "link.h"
#include "outputs.h"
#include "state.h"

static struct limit limit_at(const uint8_t *at)
{
    return (struct limit){.output = get_u16(at),
                          .lower = get_u16(at + 2),
                          .upper = get_u16(at + 4),
                          .safe = get_u16(at + 6),
                          .slew = get_f32(at + 8)};
}

uint16_t command_limits(const struct header *header, const uint8_t *payload, struct fault *fault)
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
    /* A ramp in progress continues from the present levels. */
    if (device.ramping)
        device_ramp();
    put_u16(link_answer(), outputs_limited());
    put_u16(link_answer() + 2, 0);
    command_answer(header, 0, 4);
    return E_NONE;
}

uint16_t command_watchdog(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint32_t ms = get_u32(payload);
    if (guard_set_timeout(ms, fault) != E_NONE)
        return fault->code;
    put_u32(link_answer(), ms);
    put_u32(link_answer() + 4, outputs_ramp_ms());
    command_answer(header, 0, 8);
    return E_NONE;
}

uint16_t command_interlocks(const struct header *header, const uint8_t *payload,
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
    command_answer(header, 0, 4);
    return E_NONE;
}

uint16_t command_clear(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    (void)payload;
    if (device.ramping || !outputs_at_safe())
        return refuse(fault, E_BUSY);
    if (guard_check_interlocks(fault) != E_NONE)
        return fault->code;
    put_u16(link_answer(), device.trip.trip);
    put_u16(link_answer() + 2, 0);
    device.trip.trip = TRIP_NONE;
    command_answer(header, 0, 4);
    return E_NONE;
}
