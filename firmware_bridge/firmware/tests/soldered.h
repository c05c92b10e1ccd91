/* A plant behind the converters of plant_hal.c, in volts. */
#ifndef OSC_SOLDERED_H
#define OSC_SOLDERED_H

#include <stdint.h>

#include "hal.h"
#include "plant.h"

extern uint64_t sample_ns;

#define UNIT_NS 10000000u /* 10 ms */
#define ENABLE_LINE 32
#define ENDS 5.0f /* standard errors */

/* The terms of the next plant, in the order of their numbers; see soldered.c. */
enum { BIAS, STIFFNESS, CUBIC, QUARTIC, COUPLING, SQUARE_LINEAR, SQUARE_SQUARE, QUARTIC_SPRING,
       SEXTIC, GATE };

/* Add a line to the next plant. */
void line(uint8_t role, uint8_t term, uint16_t channel, uint16_t a, uint16_t b, float gain,
          float offset);
/* Add a drive of a term that joins three oscillators. */
void line_of_three(uint8_t term, uint16_t channel, const uint16_t *ends, float gain, float offset);
/* Whether the force sensors of the next plant see the bath. */
extern bool bath_on_force;
/* Start a plant with these lines; `flaws` are the seven fields of PLANT_SETUP from the noise on, or
 * NULL. */
uint16_t begin(uint16_t oscillators, uint64_t seed, float fraction, const float *flaws);

void put_volts(uint16_t output, float volts);
float read_volts(uint16_t input);
/* Let `units` of the plant's time pass. */
void pass(float units);

/* Two oscillators with every term: parameters, energy, lines, and outputs at the parameters. */
extern const float theta[13];
double energy(double x, double y);
void solder_pair(void);
void drive_pair(void);

#endif
