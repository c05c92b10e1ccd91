/* The outputs: their levels, limits, and ramps to safe values. */
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

/* Check, and set, limits. */
uint16_t outputs_check_limit(const struct limit *limit, struct fault *fault);
void outputs_set_limit(const struct limit *limit);
uint16_t outputs_limited(void);
/* Require limits again from a new host; safe values and slews stay in force until then. */
void outputs_forget_limits(void);

/* Return by how many codes an output may change within `ns`. */
uint32_t outputs_reach(uint16_t output, uint64_t ns);

/* Return E_NONE if the output may go from one code to the other, at most `reach` away. */
uint16_t outputs_check_move(uint16_t output, uint16_t from, uint16_t to, uint32_t reach,
                            struct fault *fault);

/* Write one output; takes effect with outputs_latch(). */
void outputs_put(uint16_t output, uint16_t code);
void outputs_latch(void);

/* Return the longest ramp from an end of a converter to a safe value, in whole updates, in
 * milliseconds rounded up. */
uint32_t outputs_ramp_ms(void);
bool outputs_at_safe(void);

/* Start the ramp to safe values: digital outputs at once, analog ones with outputs_ramp_on(). */
void outputs_ramp_start(void);
/* Continue the ramp; return true when it is finished. */
bool outputs_ramp_on(void);

#endif
