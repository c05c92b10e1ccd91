#include <math.h>

#include "model.h"

/* -dU/dx of every drive, added up. */
void forces_at(const float *x, float *force)
{
    for (uint16_t i = 0; i < model.oscillators; i++)
        force[i] = 0;
    for (uint16_t n = 0; n < model.drives; n++) {
        const struct line *line = &model.line[model.drive[n]];
        float theta = model.theta[n];
        uint16_t a = line->a, b = line->b;
        switch (line->term) {
        case BIAS:
            force[a] -= theta;
            break;
        case STIFFNESS:
            force[a] -= theta * x[a];
            break;
        case CUBIC:
            force[a] -= theta * x[a] * x[a];
            break;
        case QUARTIC:
            force[a] -= theta * x[a] * x[a] * x[a];
            break;
        case COUPLING:
            force[a] -= theta * x[b];
            force[b] -= theta * x[a];
            break;
        case SQUARE_LINEAR:
            force[a] -= 2 * theta * x[a] * x[b];
            force[b] -= theta * x[a] * x[a];
            break;
        case SQUARE_SQUARE:
            force[a] -= theta * x[a] * x[b] * x[b];
            force[b] -= theta * x[a] * x[a] * x[b];
            break;
        default: {
            float apart = x[a] - x[b];
            float pull = theta * apart * apart * apart;
            force[a] -= pull;
            force[b] += pull;
        }
        }
    }
}

/* Gershgorin's: the largest sum over a row of |second derivatives|. */
float curvature_within(const float *reach)
{
    static float row[PLANT_OSCILLATORS];
    float largest = 0;
    for (uint16_t i = 0; i < model.oscillators; i++)
        row[i] = 0;
    for (uint16_t n = 0; n < model.drives; n++) {
        const struct line *line = &model.line[model.drive[n]];
        float theta = fabsf(model.theta[n]);
        float a = reach[line->a], b = reach[line->b];
        float at_a = 0, at_b = 0;
        switch (line->term) {
        case BIAS:
            break;
        case STIFFNESS:
            at_a = theta;
            break;
        case CUBIC:
            at_a = 2 * theta * a;
            break;
        case QUARTIC:
            at_a = 3 * theta * a * a;
            break;
        case COUPLING:
            at_a = at_b = theta;
            break;
        case SQUARE_LINEAR: /* d2/da2 = 2 b, d2/dadb = 2 a */
            at_a = 2 * theta * (a + b);
            at_b = 2 * theta * a;
            break;
        case SQUARE_SQUARE: /* b^2, a^2, 2 a b */
            at_a = theta * (b * b + 2 * a * b);
            at_b = theta * (a * a + 2 * a * b);
            break;
        default: /* 3 (a - b)^2 in all four places */
            at_a = at_b = 6 * theta * (a + b) * (a + b);
        }
        row[line->a] += at_a;
        row[line->b] += at_b;
    }
    for (uint16_t i = 0; i < model.oscillators; i++)
        largest = row[i] > largest && !model.clamped[i] ? row[i] : largest;
    return largest;
}
