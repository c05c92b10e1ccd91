/* The outputs: where they are, what they may do, and how they get to their safe values. */
#ifndef OSC_OUTPUTS_H
#define OSC_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "hal.h"

/* One entry of LIMITS. */
struct limit {
    uint16_t output, lower, upper, safe;
    float slew;
};

void outputs_start(void);
uint16_t outputs_count(void);
uint16_t inputs_count(void);
uint16_t outputs_level(uint16_t output);

/* Refuse or take over limits. */
uint16_t outputs_check_limit(const struct limit *limit, struct fault *fault);
void outputs_set_limit(const struct limit *limit);
uint16_t outputs_limited(void);
/* A new host must send limits anew; until then safe values and slews stay for the safe state. */
void outputs_forget_limits(void);

/* How many codes an output may change by within so many nanoseconds. */
uint32_t outputs_reach(uint16_t output, uint64_t ns);

/* E_NONE if the output may go from one code to the other, at most `reach` away. */
uint16_t outputs_check_move(uint16_t output, uint16_t from, uint16_t to, uint32_t reach,
                            struct fault *fault);

/* Put one output; takes effect with outputs_latch(). */
void outputs_put(uint16_t output, uint16_t code);
void outputs_latch(void);

/* The longest ramp from an end of a converter to a safe value, in whole updates, in milliseconds
 * rounded up. */
uint32_t outputs_ramp_ms(void);
bool outputs_at_safe(void);

/* Ramp to the safe values: digital ones at once, analog ones as outputs_ramp_on() is called. */
void outputs_ramp_start(void);
/* Let them go on; true when they are there. */
bool outputs_ramp_on(void);

#endif
