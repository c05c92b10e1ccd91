/* Conversion of output codes to parameters, set-points and enables. */
#include <math.h>

#include "model.h"

/* Return the volts at the plant where an output is wired. */
static float volts_at(uint16_t output, const float *volts)
{
    if (model.stuck_out[output] != NO_LINE)
        return model.line[model.stuck_out[output]].offset;
    float found = volts[output];
    if (model.output_crosstalk != 0 && plant_output_scale[output].analog) {
        float beside = 0;
        if (output > 0 && plant_output_scale[output - 1].analog)
            beside += volts[output - 1];
        if (output + 1 < model.outputs && plant_output_scale[output + 1].analog)
            beside += volts[output + 1];
        found += model.output_crosstalk * beside;
    }
    return found;
}

static float quantity(const struct line *line)
{
    return (volts_at(line->channel, model.seen) - line->offset) / line->gain;
}

static bool is_on(const struct line *line)
{
    return volts_at(line->channel, model.volts) > 0.5f;
}

static void take_over(void)
{
    for (uint16_t n = 0; n < model.drives; n++)
        model.theta[n] = quantity(&model.line[model.drive[n]]);
    model.free = 0;
    for (uint16_t i = 0; i < model.oscillators; i++) {
        bool held = model.clamp[i] != NO_LINE && model.enable[i] != NO_LINE &&
                    is_on(&model.line[model.enable[i]]);
        if (model.clamp[i] != NO_LINE)
            model.point[i] = quantity(&model.line[model.clamp[i]]);
        model.clamped[i] = held;
        model.free = (uint16_t)(model.free + !held);
    }
    model.forces_known = false;
}

void drives_update(void)
{
    if (!model.moved)
        return;
    model.moved = false;
    model.settled = model.output_settling <= 0;
    if (model.settled)
        for (uint16_t n = 0; n < model.outputs; n++)
            model.seen[n] = model.volts[n];
    take_over();
    motion_clamp();
}

void drives_settle(float duration)
{
    if (model.settled)
        return;
    float share = -expm1f(-duration / model.output_settling);
    float farthest = 0;
    for (uint16_t n = 0; n < model.outputs; n++) {
        model.seen[n] += share * (model.volts[n] - model.seen[n]);
        float left = fabsf(model.volts[n] - model.seen[n]);
        farthest = left > farthest ? left : farthest;
    }
    /* The remainder is a hundredth of a code. */
    model.settled = farthest < 3e-6f;
    take_over();
    motion_clamp();
}
