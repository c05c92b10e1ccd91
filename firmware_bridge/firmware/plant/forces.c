#include <math.h>

#include "model.h"

/* Compute -dU/dx, the sum over all drives. */
void forces_at(const float *x, float *force)
{
    for (uint16_t i = 0; i < model.oscillators; i++)
        force[i] = 0;
    for (uint16_t n = 0; n < model.drives; n++) {
        const struct line *line = &model.line[model.drive[n]];
        const struct term *term = &model.term[line->term];
        for (uint16_t k = 0; k < term->slopes; k++) {
            const struct slope *slope = &model.slope[term->first + k];
            float value = model.theta[n] * slope->coefficient;
            for (uint8_t f = 0; f < slope->factors; f++)
                value *= x[line->end[slope->factor[f]]];
            force[line->end[slope->of]] -= value;
        }
    }
}

/* Return the sum over all ends of |second derivatives| in the row of a slope's end. */
static float bend(const struct slope *slope, const struct line *line, const float *reach)
{
    float sum = 0;
    for (uint8_t f = 0; f < slope->factors; f++) {
        float value = 1;
        for (uint8_t other = 0; other < slope->factors; other++)
            if (other != f)
                value *= reach[line->end[slope->factor[other]]];
        sum += value;
    }
    return fabsf(slope->coefficient) * sum;
}

/* Gershgorin's bound: the largest row sum of |second derivatives|. */
float curvature_within(const float *reach)
{
    static float row[PLANT_OSCILLATORS];
    float largest = 0;
    for (uint16_t i = 0; i < model.oscillators; i++)
        row[i] = 0;
    for (uint16_t n = 0; n < model.drives; n++) {
        const struct line *line = &model.line[model.drive[n]];
        const struct term *term = &model.term[line->term];
        for (uint16_t k = 0; k < term->slopes; k++) {
            const struct slope *slope = &model.slope[term->first + k];
            row[line->end[slope->of]] += fabsf(model.theta[n]) * bend(slope, line, reach);
        }
    }
    for (uint16_t i = 0; i < model.oscillators; i++)
        largest = row[i] > largest && !model.clamped[i] ? row[i] : largest;
    return largest;
}
