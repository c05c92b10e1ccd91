/* The messages that set up the plant. */
#include <math.h>

#include "bytes.h"
#include "model.h"
#include "outputs.h"

static uint16_t wrong(struct fault *fault, uint32_t item)
{
    refuse(fault, E_PLANT);
    fault->item = item;
    return E_PLANT;
}

static bool is_size(float value)
{
    return isfinite(value) && value >= 0;
}

static uint16_t setup(const uint8_t *at, struct fault *fault, uint8_t *answer, uint16_t *length)
{
    model.ready = model.ran_away = false;
    model.lines = model.monomials = model.terms = model.slopes = 0;
    model.oscillators = get_u16(at);
    model.bath_on_force = get_u16(at + 2) & 1;
    model.seed = get_u64(at + 4);
    model.unit_s = get_f32(at + 12);
    model.step_fraction = get_f32(at + 16);
    model.temperature = get_f32(at + 20);
    model.noise_V = get_f32(at + 24);
    model.drift = get_f32(at + 28);
    model.clamp_stiffness = get_f32(at + 32);
    model.sensor_settling = get_f32(at + 36) / model.unit_s;
    model.output_settling = get_f32(at + 40) / model.unit_s;
    model.output_crosstalk = get_f32(at + 44);
    model.input_crosstalk = get_f32(at + 48);
    bool good = model.oscillators >= 1 && model.oscillators <= PLANT_OSCILLATORS;
    good = good && is_size(model.unit_s) && model.unit_s > 0;
    good = good && model.step_fraction > 0 && model.step_fraction <= 0.5f;
    good = good && is_size(model.temperature) && is_size(model.noise_V) && is_size(model.drift);
    good = good && is_size(model.clamp_stiffness) && is_size(model.sensor_settling) &&
           is_size(model.output_settling);
    good = good && isfinite(model.output_crosstalk) && isfinite(model.input_crosstalk);
    if (!good) {
        model.oscillators = 0;
        return wrong(fault, 0);
    }
    put_u32(answer, PLANT_LINES);
    put_u16(answer + 4, PLANT_OSCILLATORS);
    put_u16(answer + 6, 0);
    *length = 8;
    return E_NONE;
}

/* Return whether the fields of one line are valid. */
static bool is_good(const struct line *line)
{
    bool output = line->role == DRIVE || line->role == CLAMP || line->role == ENABLE ||
                  line->role == STUCK_OUT;
    uint16_t channels = output ? outputs_count() : inputs_count();
    if (line->role > STUCK_IN || line->channel >= channels || !isfinite(line->gain) ||
        !isfinite(line->offset))
        return false;
    if (line->role == ENABLE && line->end[0] == ALL)
        return true;
    if ((line->role == DRIVE || line->role == CLAMP) && line->gain == 0)
        return false;
    if (line->role == DRIVE && line->term >= model.terms)
        return false;
    uint8_t ends = line->role == DRIVE ? model.term[line->term].ends : line->role < OUTSIDE;
    for (uint8_t e = 0; e < ends; e++) {
        if (line->end[e] >= model.oscillators)
            return false;
        for (uint8_t other = 0; other < e; other++)
            if (line->end[other] == line->end[e])
                return false;
    }
    return true;
}

/* Add a monomial as the slopes at its ends; the slopes of a term are consecutive. */
static bool grow(uint8_t number, float coefficient, const uint8_t *powers)
{
    uint16_t degree = 0;
    for (uint8_t e = 0; e < PLANT_ENDS; e++)
        degree = (uint16_t)(degree + powers[e]);
    bool good = degree >= 1 && degree <= PLANT_DEGREE && isfinite(coefficient);
    if (!good || number > model.terms || number + 1 < model.terms)
        return false;
    struct term *term = &model.term[number];
    if (number == model.terms) {
        *term = (struct term){.first = model.slopes};
        model.terms++;
    }
    for (uint8_t e = 0; e < PLANT_ENDS; e++) {
        if (powers[e] == 0)
            continue;
        struct slope *slope = &model.slope[model.slopes++];
        *slope = (struct slope){.coefficient = coefficient * powers[e], .of = e};
        for (uint8_t other = 0; other < PLANT_ENDS; other++)
            for (uint8_t n = other == e; n < powers[other]; n++)
                slope->factor[slope->factors++] = other;
        term->slopes++;
        term->ends = e + 1 > term->ends ? (uint8_t)(e + 1) : term->ends;
    }
    model.monomials++;
    return true;
}

static uint16_t describe(const uint8_t *at, uint16_t count, struct fault *fault, uint8_t *answer,
                         uint16_t *length)
{
    bool late = model.ready || model.lines > 0;
    if (model.oscillators == 0 || late || count > PLANT_MONOMIALS - model.monomials)
        return wrong(fault, model.monomials);
    for (uint16_t n = 0; n < count; n++, at += 8)
        if (!grow(at[0], get_f32(at + 4), at + 1))
            return wrong(fault, model.monomials);
    put_u32(answer, model.monomials);
    *length = 4;
    return E_NONE;
}

static uint16_t add(const uint8_t *at, uint16_t count, struct fault *fault, uint8_t *answer,
                    uint16_t *length)
{
    if (model.oscillators == 0 || model.ready || count > PLANT_LINES - model.lines)
        return wrong(fault, model.lines);
    for (uint16_t n = 0; n < count; n++, at += 20) {
        struct line *line = &model.line[model.lines];
        *line = (struct line){at[0], at[1], get_u16(at + 2),
                              {get_u16(at + 4), get_u16(at + 6), get_u16(at + 8)},
                              get_f32(at + 12), get_f32(at + 16)};
        if (!is_good(line))
            return wrong(fault, model.lines);
        model.lines++;
    }
    put_u32(answer, model.lines);
    *length = 4;
    return E_NONE;
}

/* Wire a line; return false if its place is taken. */
static bool solder(uint16_t n)
{
    const struct line *line = &model.line[n];
    uint16_t *place = NULL;
    switch (line->role) {
    case DRIVE:
        if (model.drives == OSC_OUTPUTS)
            return false;
        model.drive[model.drives++] = n;
        model.evaluations += model.term[line->term].slopes;
        return true;
    case CLAMP:
        place = &model.clamp[line->end[0]];
        break;
    case ENABLE:
        for (uint16_t i = 0; line->end[0] == ALL && i < model.oscillators; i++)
            model.enable[i] = n;
        if (line->end[0] == ALL)
            return true;
        place = &model.enable[line->end[0]];
        break;
    case HAPPENING:
        if (model.of_input[line->channel] == NO_LINE)
            model.of_input[line->channel] = n;
        return true;
    case STUCK_OUT:
        place = &model.stuck_out[line->channel];
        break;
    case STUCK_IN:
        place = &model.stuck_in[line->channel];
        break;
    default:
        place = &model.of_input[line->channel];
    }
    if (*place != NO_LINE)
        return false;
    *place = n;
    return true;
}

static uint16_t begin(uint32_t lines, struct fault *fault)
{
    if (model.oscillators == 0 || lines != model.lines)
        return wrong(fault, lines);
    for (uint32_t n = 0; n < OSC_INPUTS; n++)
        model.of_input[n] = model.stuck_in[n] = NO_LINE;
    for (uint32_t n = 0; n < OSC_OUTPUTS; n++)
        model.stuck_out[n] = NO_LINE;
    for (uint32_t n = 0; n < PLANT_OSCILLATORS; n++)
        model.clamp[n] = model.enable[n] = NO_LINE;
    model.drives = 0;
    model.evaluations = 0;
    for (uint16_t n = 0; n < model.lines; n++)
        if (!solder(n))
            return wrong(fault, n);
    struct generator drifts;
    generator_seed(&drifts, model.seed, 2);
    generator_seed(&model.bath, model.seed, 0);
    generator_seed(&model.sensors, model.seed, 1);
    for (uint32_t n = 0; n < OSC_INPUTS; n++)
        model.drift_V[n] = model.drift * generator_normal(&drifts);
    for (uint32_t i = 0; i < PLANT_OSCILLATORS; i++)
        model.x[i] = model.shown[i] = 0;
    for (uint32_t n = 0; n < OSC_OUTPUTS; n++)
        model.seen[n] = model.volts[n];
    model.ran_away = false;
    model.ready = model.moved = true;
    return E_NONE;
}

uint16_t plant_message(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                       struct fault *fault, uint8_t *answer, uint16_t *answer_length)
{
    (void)length; /* checked by the core */
    *answer_length = 0;
    if (type == T_PLANT_SETUP)
        return setup(payload, fault, answer, answer_length);
    if (type == T_PLANT_TERMS)
        return describe(payload, count, fault, answer, answer_length);
    if (type == T_PLANT_LINES)
        return add(payload, count, fault, answer, answer_length);
    return begin(get_u32(payload), fault);
}
