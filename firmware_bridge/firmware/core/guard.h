/* What takes the outputs away from the host: its silence, an interlock, or its own wish. */
#ifndef OSC_GUARD_H
#define OSC_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct interlock {
    uint16_t input, lower, upper;
};

/* What guard_watch() found. */
struct tripped {
    uint8_t trip; /* TRIP_NONE if nothing */
    uint16_t channel, value;
};

void guard_start(void);

/* A good frame came. */
void guard_alive(void);
uint16_t guard_set_timeout(uint32_t ms, struct fault *fault);
/* Limits changed: a ramp that takes too long for the timeout makes it unset. */
void guard_limits_changed(void);
bool guard_is_set(void);
void guard_need_timeout(void); /* a new host must set it anew; the old one stays in force */
void guard_disarm(void);

void guard_set_interlocks(const struct interlock *locks, uint16_t count);
/* E_NONE, or E_INTERLOCK and which. */
uint16_t guard_check_interlocks(struct fault *fault);

/* Look at the interlocks; what is found is kept for guard_watch(). True if all hold. */
bool guard_look(void);
/* What tripped; looks at the interlocks every millisecond. */
struct tripped guard_watch(void);

#endif
