/* The motion of the oscillators. */
#include <math.h>

#include "model.h"

/* Steps after which the reach of the positions is updated. */
#define STEPS_PER_CHECK 32
/* Thermal amplitudes beyond which an oscillator counts as a runaway. */
#define FAR 1e4f
#define CLAMP_ROUNDS 60

/* A clamp of finite stiffness holds x where c (s - x) + F(x) = 0, and passes thermal motion. */
void motion_clamp(void)
{
    float stiffness = model.clamp_stiffness;
    for (uint16_t i = 0; i < model.oscillators; i++)
        if (model.clamped[i])
            model.x[i] = model.point[i];
    if (stiffness <= 0 || model.free == model.oscillators)
        return;
    for (int round = 0; round < CLAMP_ROUNDS; round++) {
        forces_at(model.x, model.force);
        for (uint16_t i = 0; i < model.oscillators; i++)
            if (model.clamped[i])
                model.x[i] += 0.5f * (model.point[i] + model.force[i] / stiffness - model.x[i]);
    }
    float spread = sqrtf(model.temperature / stiffness);
    for (uint16_t i = 0; i < model.oscillators; i++)
        if (model.clamped[i])
            model.x[i] += spread * generator_normal(&model.bath);
    model.forces_known = false;
}

static void show(float duration)
{
    float share = model.sensor_settling > 0 ? -expm1f(-duration / model.sensor_settling) : 1;
    for (uint16_t i = 0; i < model.oscillators; i++)
        model.shown[i] += share * (model.x[i] - model.shown[i]);
}

static void step(float dt)
{
    float spread = sqrtf(2 * model.temperature * dt);
    forces_at(model.x, model.force);
    for (uint16_t i = 0; i < model.oscillators; i++)
        if (!model.clamped[i])
            model.x[i] += dt * model.force[i] + spread * generator_normal(&model.bath);
    if (model.sensor_settling > 0)
        show(dt);
}

/* Return the number of steps for the rest of a duration. */
static float steps_for(float duration)
{
    static float reach[PLANT_OSCILLATORS];
    for (uint16_t i = 0; i < model.oscillators; i++) {
        float far = 1.5f * fabsf(model.x[i]);
        reach[i] = far > 1 ? far : 1;
        /* NaN counts as a runaway as well. */
        model.ran_away = model.ran_away || !(fabsf(model.x[i]) < FAR);
    }
    float steps = ceilf(duration * curvature_within(reach) / model.step_fraction);
    if (!model.settled || model.sensor_settling > 0) {
        float shortest = model.settled ? model.sensor_settling : model.output_settling;
        float finer = ceilf(4 * duration / shortest);
        steps = finer > steps ? finer : steps;
    }
    return steps >= 1 ? steps : 1;
}

/* Move for at most STEPS_PER_CHECK steps; return the time moved. */
static float move(float duration, uint32_t *work)
{
    float steps = steps_for(duration);
    float dt = duration / steps;
    uint32_t now = steps < STEPS_PER_CHECK ? (uint32_t)steps : STEPS_PER_CHECK;
    for (uint32_t n = 0; n < now && !model.ran_away; n++) {
        step(dt);
        drives_settle(dt);
    }
    *work += (now + 2) * (model.evaluations + 16u * model.oscillators);
    return (float)now >= steps ? duration : dt * (float)now;
}

bool plant_advance(uint64_t from_ns, uint64_t to_ns, uint64_t *reached_ns)
{
    uint32_t work = 0;
    *reached_ns = to_ns;
    if (!model.ready)
        return true;
    drives_update();
    float ns_per_unit = 1e9f * model.unit_s;
    /* In single precision a small step would vanish against an hour. */
    double left = (double)(to_ns - from_ns) / (double)ns_per_unit;
    if (model.free == 0 && model.settled) {
        if (model.clamp_stiffness > 0 && left > 0)
            motion_clamp(); /* thermal motion has moved it since */
        show((float)left);
        return true;
    }
    model.forces_known = false;
    while (left > 0 && !model.ran_away) {
        float whole = (float)left, moved = move(whole, &work);
        left = moved < whole ? left - (double)moved : 0;
        if (left > 0 && work > PLANT_QUANTUM) {
            uint64_t rest = (uint64_t)(left * (double)ns_per_unit);
            /* A plant so stiff that a nanosecond is too much work counts as a runaway. */
            model.ran_away = rest >= to_ns - from_ns;
            *reached_ns = to_ns - (model.ran_away ? 0 : rest);
            break;
        }
    }
    if (model.sensor_settling <= 0)
        show(0);
    return *reached_ns == to_ns;
}

uint16_t plant_trouble(void)
{
    return model.ran_away ? E_PLANT : E_NONE;
}
