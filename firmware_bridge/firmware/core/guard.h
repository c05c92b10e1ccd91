/* The guard, which makes the outputs safe: on a silent host, an interlock, or MAKE_SAFE. */
#ifndef OSC_GUARD_H
#define OSC_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct interlock {
    uint16_t input, lower, upper;
};

/* The result of guard_watch(). */
struct tripped {
    uint8_t trip; /* TRIP_NONE without a trip */
    uint16_t channel, value;
};

void guard_start(void);

/* Restart the watchdog: a good frame came. */
void guard_alive(void);
uint16_t guard_set_timeout(uint32_t ms, struct fault *fault);
/* Limits changed; a timeout that is too short for the new ramp becomes unset. */
void guard_limits_changed(void);
bool guard_is_set(void);
void guard_need_timeout(void); /* a new host must set it again; it stays in force until then */
void guard_disarm(void);

void guard_set_interlocks(const struct interlock *locks, uint16_t count);
/* Return E_NONE, or E_INTERLOCK with its channel in `fault`. */
uint16_t guard_check_interlocks(struct fault *fault);

/* Check the interlocks, and keep a trip for guard_watch(). Return true if all hold. */
bool guard_look(void);
/* Return what tripped; checks the interlocks every millisecond. */
struct tripped guard_watch(void);

#endif
