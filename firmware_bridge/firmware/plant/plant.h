/* The array behind the converters of a simulated device; see PROTOCOL.md, section 4.5.
 *
 * Overdamped oscillators, dx = -grad U dt + sqrt(2 D) dW, by Euler-Maruyama steps that are bounded
 * by the largest curvature. An implementation apart from oscilab's own; they share the equations.
 */
#ifndef OSC_PLANT_H
#define OSC_PLANT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "fault.h"
#include "hal.h"

#ifndef PLANT_OSCILLATORS
#define PLANT_OSCILLATORS 256
#endif
/* Drives, clamps, enables, sensors and events together. */
#define PLANT_LINES (OSC_OUTPUTS + OSC_INPUTS + 64)
/* What a term may be made of: monomials, oscillators that it joins, and the sum of its powers. */
#define PLANT_MONOMIALS 64
#define PLANT_ENDS 3
#define PLANT_DEGREE 12
/* Slopes of monomials that are evaluated in one go, about a millisecond of work. */
#ifndef PLANT_QUANTUM
#define PLANT_QUANTUM 400000
#endif

enum plant_role { DRIVE, CLAMP, ENABLE, POSITION, FORCE, OUTSIDE, HAPPENING, STUCK_OUT, STUCK_IN };

void plant_start(void);

/* The messages, as hal_plant() takes them. */
uint16_t plant_message(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                       struct fault *fault, uint8_t *answer, uint16_t *answer_length);

/* A converter of an output moved to a code. */
void plant_output(uint16_t output, uint16_t code);
/* Let it move on to a time; false if that was too much for one go. */
bool plant_advance(uint64_t from_ns, uint64_t to_ns, uint64_t *reached_ns);
/* What a converter of an input makes of it now. */
uint16_t plant_input(uint16_t input, uint64_t now_ns, uint64_t period_ns);
uint16_t plant_trouble(void);

#endif
