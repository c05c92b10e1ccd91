/* The array behind the converters of a simulated device; see PROTOCOL.md, section 4.5.
 *
 * Overdamped oscillators, dx = -grad U dt + sqrt(2 D) dW, by Euler-Maruyama steps that are bounded
 * by the largest curvature. It is independent of the Python simulation, except for the equations.
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
/* Limits of terms: monomials in all, oscillators per term, and the degree of a monomial. */
#define PLANT_MONOMIALS 64
#define PLANT_ENDS 3
#define PLANT_DEGREE 12
/* Evaluations of slopes in one pass, about a millisecond of work. */
#ifndef PLANT_QUANTUM
#define PLANT_QUANTUM 400000
#endif

enum plant_role { DRIVE, CLAMP, ENABLE, POSITION, FORCE, OUTSIDE, HAPPENING, STUCK_OUT, STUCK_IN };

void plant_start(void);

/* Handle a message, as hal_plant() does. */
uint16_t plant_message(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                       struct fault *fault, uint8_t *answer, uint16_t *answer_length);

/* Tell the plant that the converter of an output moved to a code. */
void plant_output(uint16_t output, uint16_t code);
/* Move the plant to a time; return false if that was too much work for one pass. */
bool plant_advance(uint64_t from_ns, uint64_t to_ns, uint64_t *reached_ns);
/* Return the present code of an input. */
uint16_t plant_input(uint16_t input, uint64_t now_ns, uint64_t period_ns);
uint16_t plant_trouble(void);

#endif
