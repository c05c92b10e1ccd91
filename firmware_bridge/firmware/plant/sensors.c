/* Conversion of positions and forces to input codes, and of output codes to volts. */
#include <math.h>

#include "model.h"

struct model model;
struct scale plant_output_scale[OSC_OUTPUTS], plant_input_scale[OSC_INPUTS];

static void place(struct scale *scale, uint32_t most, uint32_t *count, const struct bank *bank)
{
    for (uint16_t k = 0; k < bank->channels && *count < most; k++)
        scale[(*count)++] = (struct scale){(float)bank->lower_uV * 1e-6f,
                                           (float)bank->step_nV * 1e-9f, bank->top,
                                           bank->kind == ANALOG_OUT || bank->kind == ANALOG_IN};
}

void plant_start(void)
{
    const struct board *board = hal_board();
    uint32_t outputs = 0, inputs = 0;
    model.ready = false;
    model.oscillators = 0;
    for (uint16_t n = 0; n < board->banks; n++) {
        const struct bank *bank = &board->bank[n];
        if (bank->kind >= ANALOG_IN)
            place(plant_input_scale, OSC_INPUTS, &inputs, bank);
        else
            place(plant_output_scale, OSC_OUTPUTS, &outputs, bank);
        if (bank->kind < ANALOG_IN)
            for (uint32_t k = outputs - bank->channels; k < outputs; k++)
                plant_output((uint16_t)k, bank->power_on);
    }
    model.outputs = (uint16_t)outputs;
    model.inputs = (uint16_t)inputs;
}

void plant_output(uint16_t output, uint16_t code)
{
    const struct scale *scale = &plant_output_scale[output];
    model.volts[output] = scale->lower + (float)code * scale->step;
    model.moved = true;
}

static void know_forces(uint64_t now_ns, uint64_t period_ns)
{
    bool felt = model.forces_known && model.bath_felt && model.felt_ns == now_ns;
    bool feels = model.bath_on_force && period_ns && !felt;
    if (model.forces_known && !feels)
        return;
    forces_at(model.x, model.force);
    model.forces_known = true;
    model.bath_felt = feels;
    if (!feels)
        return;
    /* The bath's force is the same for all sensors at one time, and independent at the next. */
    float average = (float)period_ns * 1e-9f / model.unit_s;
    float spread = sqrtf(2 * model.temperature / average);
    for (uint16_t i = 0; i < model.oscillators; i++)
        model.force[i] += spread * generator_normal(&model.bath);
    model.felt_ns = now_ns;
}

static float outside(const struct line *line, uint16_t index, uint64_t now_ns)
{
    float volts = line->role == OUTSIDE ? line->offset : 0;
    double now = (double)now_ns * 1e-9;
    /* Events follow in order of time. */
    for (uint16_t n = index; n < model.lines; n++) {
        const struct line *event = &model.line[n];
        if (event->role == HAPPENING && event->channel == line->channel && now >= event->gain)
            volts = event->offset;
    }
    return volts;
}

static float signal(uint16_t input, uint64_t now_ns, uint64_t period_ns)
{
    bool analog = plant_input_scale[input].analog;
    if (!model.ready || model.of_input[input] == NO_LINE)
        return analog ? 0 : 1;
    const struct line *line = &model.line[model.of_input[input]];
    switch (line->role) {
    case POSITION:
        return line->offset +
               line->gain * (model.sensor_settling > 0 ? model.shown : model.x)[line->end[0]];
    case FORCE:
        if (!model.clamped[line->end[0]])
            return line->offset;
        know_forces(now_ns, period_ns);
        return line->offset + line->gain * model.force[line->end[0]];
    default:
        return outside(line, model.of_input[input], now_ns);
    }
}

static float beside(uint16_t input, uint64_t now_ns, uint64_t period_ns)
{
    float volts = 0;
    if (input > 0 && plant_input_scale[input - 1].analog)
        volts += signal((uint16_t)(input - 1), now_ns, period_ns);
    if (input + 1 < model.inputs && plant_input_scale[input + 1].analog)
        volts += signal((uint16_t)(input + 1), now_ns, period_ns);
    return volts;
}

uint16_t plant_input(uint16_t input, uint64_t now_ns, uint64_t period_ns)
{
    const struct scale *scale = &plant_input_scale[input];
    if (model.ready)
        drives_update();
    float volts = signal(input, now_ns, period_ns);
    if (model.ready && scale->analog) {
        if (model.input_crosstalk != 0)
            volts += model.input_crosstalk * beside(input, now_ns, period_ns);
        volts += model.drift_V[input] * (float)((double)now_ns * 1e-9);
        /* Reading an interlock (period 0) must not change the noise of a run. */
        if (model.noise_V > 0 && period_ns)
            volts += model.noise_V * generator_normal(&model.sensors);
    }
    if (model.ready && model.stuck_in[input] != NO_LINE)
        volts = model.line[model.stuck_in[input]].offset;
    /* Converters saturate; digital inputs switch at half the step. */
    float code = floorf((volts - scale->lower) / scale->step + 0.5f);
    return code > 0 ? code < (float)scale->top ? (uint16_t)code : scale->top : 0;
}
