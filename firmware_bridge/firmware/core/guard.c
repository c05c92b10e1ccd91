#include "guard.h"

#include "config.h"
#include "hal.h"
#include "outputs.h"

#define LONGEST_MS 3600000u
/* Longest time between two passes of the main loop. */
#define MARGIN_MS 10u

static struct {
    bool armed, needed;
    uint32_t timeout_ms, patience_ms, last_ms, looked_ms;
    uint16_t locks;
    struct interlock lock[OSC_INTERLOCKS];
    struct tripped found;
} guard;

void guard_start(void)
{
    guard.armed = false;
    guard.needed = true;
    guard.locks = 0;
    guard.found.trip = TRIP_NONE;
    guard.looked_ms = hal_wall_ms();
}

void guard_alive(void)
{
    guard.last_ms = hal_wall_ms();
}

static uint32_t least_timeout(uint32_t ramp)
{
    return ramp < LONGEST_MS ? 2 * ramp + 2 * MARGIN_MS : UINT32_MAX;
}

uint16_t guard_set_timeout(uint32_t ms, struct fault *fault)
{
    uint32_t ramp = outputs_ramp_ms(), least = least_timeout(ramp);
    if (ms < least || ms > LONGEST_MS)
        return refuse_value(fault, E_VALUE, ms, least, LONGEST_MS);
    guard.timeout_ms = ms;
    guard.patience_ms = ms - ramp - MARGIN_MS;
    guard.armed = true;
    guard.needed = false;
    return E_NONE;
}

void guard_limits_changed(void)
{
    if (!guard.armed)
        return;
    uint32_t ramp = outputs_ramp_ms();
    bool late = guard.timeout_ms < least_timeout(ramp);
    guard.needed = guard.needed || late;
    guard.patience_ms = late ? guard.timeout_ms / 2 : guard.timeout_ms - ramp - MARGIN_MS;
}

bool guard_is_set(void)
{
    return guard.armed && !guard.needed;
}

void guard_need_timeout(void)
{
    guard.needed = true;
}

void guard_disarm(void)
{
    guard.armed = false;
}

void guard_set_interlocks(const struct interlock *locks, uint16_t count)
{
    guard.locks = count;
    for (uint16_t n = 0; n < count; n++)
        guard.lock[n] = locks[n];
}

uint16_t guard_check_interlocks(struct fault *fault)
{
    for (uint16_t n = 0; n < guard.locks; n++) {
        const struct interlock *lock = &guard.lock[n];
        uint16_t code;
        hal_read(&lock->input, 1, &code, 0);
        if (code < lock->lower || code > lock->upper) {
            refuse_value(fault, E_INTERLOCK, code, lock->lower, lock->upper);
            fault->channel = lock->input;
            return E_INTERLOCK;
        }
    }
    return E_NONE;
}

bool guard_look(void)
{
    struct fault fault;
    if (guard_check_interlocks(&fault) == E_NONE)
        return true;
    guard.found = (struct tripped){TRIP_INTERLOCK, fault.channel, (uint16_t)fault.value};
    return false;
}

struct tripped guard_watch(void)
{
    uint32_t ms = hal_wall_ms();
    if (guard.armed && ms - guard.last_ms >= guard.patience_ms)
        return (struct tripped){TRIP_WATCHDOG, WIRE_NO_CHANNEL, 0};
    if (guard.found.trip == TRIP_NONE && ms != guard.looked_ms) {
        guard.looked_ms = ms;
        guard_look();
    }
    struct tripped found = guard.found;
    guard.found.trip = TRIP_NONE;
    return found;
}
