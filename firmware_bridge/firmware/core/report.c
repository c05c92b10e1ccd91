/* The device's own messages: readings, events, credits; and the status. */
#include "bytes.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "readings.h"
#include "sequencer.h"
#include "state.h"
#include "store.h"

/* Longest delay of readings that do not fill a frame. */
#define LATEST_MS 5u

uint16_t report_status(uint8_t *payload)
{
    const struct progress *progress = sequencer_progress();
    struct fault fault;
    bool holds = guard_check_interlocks(&fault) == E_NONE;
    payload[0] = progress->state;
    payload[1] = device.trip.trip;
    put_u16(payload + 2, progress->code);
    put_u32(payload + 4, progress->exchange);
    put_u32(payload + 8, progress->accepted);
    put_u32(payload + 12, store_free());
    put_u64(payload + 16, progress->samples);
    put_u32(payload + 24, readings_rows());
    put_u16(payload + 28, device.expected);
    payload[30] = outputs_at_safe();
    payload[31] = (uint8_t)((guard_is_set() ? 1 : 0) | (holds ? 2 : 0));
    put_u32(payload + 32, device.bad_frames);
    put_u32(payload + 36, device.repeated);
    return WIRE_STATUS;
}

void report_ending(uint8_t event)
{
    device.ending = event;
    hal_note(event, sequencer_progress()->code);
    /* Rows of an exchange that ended early are sent only on request. */
    if (event != EV_DONE)
        readings_send_from(readings_rows());
}

static void send_event(uint16_t event, uint16_t channel, uint16_t value)
{
    uint8_t *payload = link_own();
    put_u16(payload, event);
    put_u16(payload + 2, channel);
    put_u32(payload + 4, value);
    uint16_t length = (uint16_t)(8 + report_status(payload + 8));
    link_send_own(device.session, T_EVENT, device.own++, 0, length);
}

static void send_readings(uint32_t rows, uint16_t inputs)
{
    uint8_t *payload = link_own();
    uint32_t first = readings_first_unsent();
    put_u32(payload, sequencer_progress()->exchange);
    put_u32(payload + 4, first);
    put_u16(payload + 8, inputs);
    put_u16(payload + 10, 0);
    uint8_t *at = payload + 12;
    for (uint32_t row = first; row < first + rows; row++) {
        const uint16_t *codes = readings_at(row);
        for (uint16_t n = 0; n < inputs; n++, at += 2)
            put_u16(at, codes[n]);
    }
    readings_send_from(first + rows);
    link_send_own(device.session, T_READINGS, device.own++, (uint16_t)rows,
                  (uint16_t)(at - payload));
}

/* Send full frames of readings, and the rest if no more are to come. */
static void go_on_readings(bool idle)
{
    uint16_t inputs = sequencer_inputs();
    if (readings_unsent() == 0 || inputs == 0)
        return;
    uint32_t fits = (OSC_MAX_PAYLOAD - 12u) / (2u * inputs);
    uint32_t now = hal_wall_ms();
    bool real = !(hal_board()->flags & BOARD_VIRTUAL_CLOCK);
    bool last = sequencer_progress()->state != S_RUNNING;
    bool late = real ? now - device.reported_ms >= LATEST_MS : idle;
    while (link_room() && readings_unsent() &&
           (readings_unsent() >= fits || last || late)) {
        send_readings(readings_unsent() < fits ? readings_unsent() : fits, inputs);
        device.reported_ms = now;
    }
}

static void go_on_credit(void)
{
    const struct progress *progress = sequencer_progress();
    uint32_t free = store_free();
    if (progress->state != S_RUNNING || free < device.credit_told)
        device.credit_told = free;
    if (free - device.credit_told < store_size() / 4 || !link_room())
        return;
    uint8_t *payload = link_own();
    put_u32(payload, progress->exchange);
    put_u32(payload + 4, progress->accepted);
    put_u32(payload + 8, free);
    device.credit_told = free;
    link_send_own(device.session, T_CREDIT, device.own++, 0, 12);
}

bool report_go_on(bool idle)
{
    if (device.session == 0) {
        device.ending = 0;
        device.tell_trip = device.tell_safe = false;
        return false;
    }
    go_on_readings(idle);
    go_on_credit();
    bool all_sent = readings_unsent() == 0 || sequencer_inputs() == 0;
    if (device.ending && all_sent && link_room()) {
        send_event(device.ending, WIRE_NO_CHANNEL, 0);
        device.ending = 0;
    }
    if (device.tell_trip && link_room()) {
        send_event(EV_TRIPPED, device.trip.channel, device.trip.value);
        device.tell_trip = false;
    }
    if (device.tell_safe && !device.tell_trip && link_room()) {
        send_event(EV_SAFE, WIRE_NO_CHANNEL, 0);
        device.tell_safe = false;
    }
    return device.ending || device.tell_trip || device.tell_safe;
}
