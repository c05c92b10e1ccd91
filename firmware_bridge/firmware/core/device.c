#include "device.h"

#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "sequencer.h"
#include "state.h"

struct device device;

void device_start(void)
{
    device = (struct device){.session = 0};
    listen_start();
    link_start();
    outputs_start();
    guard_start();
    sequencer_start();
}

uint16_t may_drive(struct fault *fault)
{
    if (!guard_is_set())
        return refuse(fault, E_NO_WATCHDOG);
    if (device.trip.trip != TRIP_NONE)
        return refuse(fault, E_TRIPPED);
    return guard_check_interlocks(fault);
}

void device_ramp(void)
{
    outputs_ramp_start();
    device.ramping = true;
    device.tell_safe = false;
}

void device_trip(struct tripped trip)
{
    uint16_t code = trip.trip == TRIP_INTERLOCK ? E_INTERLOCK : E_TRIPPED;
    device.trip = trip;
    if (sequencer_is_open()) {
        sequencer_end(S_FAILED, code);
        report_ending(EV_FAILED);
    }
    waiting_end(code);
    hal_note(EV_TRIPPED, trip.trip);
    device_ramp();
    device.tell_trip = true;
}

bool device_poll(void)
{
    bool more = link_flush();
    more = listen_on() || more;
    struct tripped trip = guard_watch();
    if (trip.trip != TRIP_NONE && device.trip.trip == TRIP_NONE)
        device_trip(trip);
    waiting_go_on();
    if (device.ramping && outputs_ramp_on()) {
        device.ramping = false;
        device.tell_safe = true;
        hal_note(EV_SAFE, 0);
    }
    bool running = sequencer_progress()->state == S_RUNNING;
    bool busy = sequencer_run();
    uint8_t state = sequencer_progress()->state;
    if (running && state != S_RUNNING)
        report_ending(state == S_DONE ? EV_DONE : EV_FAILED);
    return report_go_on(!busy) || more || busy || device.ramping;
}
