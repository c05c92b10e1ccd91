/* The state of the plant: oscillators, drives, and wiring. */
#ifndef OSC_MODEL_H
#define OSC_MODEL_H

#include "plant.h"
#include "random.h"

#define NO_LINE 0xFFFF
#define ALL 0xFFFF

struct line {
    uint8_t role, term;
    uint16_t channel, end[PLANT_ENDS]; /* oscillators; only drives use more than the first */
    float gain, offset;
};

/* d(monomial)/dx at one end: coefficient times the product of positions at the ends `factor`. */
struct slope {
    float coefficient;
    uint8_t of, factors, factor[PLANT_DEGREE - 1];
};

/* The energy of a term is its parameter times the sum of its monomials. */
struct term {
    uint8_t ends;
    uint16_t first, slopes; /* indices into the model's slopes */
};

/* A converter's scale. */
struct scale {
    float lower, step;
    uint16_t top;
    bool analog;
};

struct model {
    uint16_t outputs, inputs;
    /* as set up */
    uint16_t oscillators;
    bool ready, bath_on_force;
    uint64_t seed;
    float unit_s, step_fraction, temperature, noise_V, drift, clamp_stiffness;
    float sensor_settling, output_settling; /* in units of time */
    float output_crosstalk, input_crosstalk;
    uint16_t monomials, terms, slopes;
    struct term term[PLANT_MONOMIALS];
    struct slope slope[PLANT_MONOMIALS * PLANT_ENDS];
    uint16_t lines;
    struct line line[PLANT_LINES];
    uint16_t of_input[OSC_INPUTS];                    /* its sensor or level */
    uint16_t stuck_in[OSC_INPUTS], stuck_out[OSC_OUTPUTS];
    uint16_t clamp[PLANT_OSCILLATORS], enable[PLANT_OSCILLATORS];
    uint16_t drives, drive[OSC_OUTPUTS];              /* lines */
    uint32_t evaluations;                             /* slopes of all drives */
    float drift_V[OSC_INPUTS];
    /* now */
    float theta[OSC_OUTPUTS];                         /* by drive */
    float volts[OSC_OUTPUTS], seen[OSC_OUTPUTS];      /* of converters, before and after settling */
    bool moved, settled;
    bool clamped[PLANT_OSCILLATORS];
    uint16_t free;
    float point[PLANT_OSCILLATORS];                   /* clamps' set-points */
    float x[PLANT_OSCILLATORS], shown[PLANT_OSCILLATORS], force[PLANT_OSCILLATORS];
    bool forces_known;
    bool bath_felt;                                   /* by force, at felt_ns */
    uint64_t felt_ns;
    bool ran_away;
    struct generator bath, sensors;
};

extern struct model model;
extern struct scale plant_output_scale[OSC_OUTPUTS], plant_input_scale[OSC_INPUTS];

/* forces.c */
void forces_at(const float *x, float *force);
/* Return a bound on the eigenvalues of the Hessian for |x_i| <= reach_i. */
float curvature_within(const float *reach);

/* drives.c */
void drives_update(void);           /* after outputs moved */
void drives_settle(float duration); /* let outputs settle towards their levels */

/* motion.c */
void motion_clamp(void); /* move clamped oscillators to their clamped positions */


#endif
