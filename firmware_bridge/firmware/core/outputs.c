#include "outputs.h"

#include <math.h>

#include "config.h"

enum { LIMITED = 1, KNOWN = 2, DIGITAL = 4 };

/* Rounding error of a product of single-precision numbers: relative, and in codes. */
#define ROUNDING 1.00001f

static struct {
    uint16_t count, inputs;
    uint16_t level[OSC_OUTPUTS], lower[OSC_OUTPUTS], upper[OSC_OUTPUTS], safe[OSC_OUTPUTS];
    uint16_t start[OSC_OUTPUTS], top[OSC_OUTPUTS];
    float rate[OSC_OUTPUTS]; /* codes per second */
    float step[OSC_OUTPUTS]; /* volts */
    uint8_t flags[OSC_OUTPUTS];
    uint64_t ramp_began, ramp_next;
} outs;

void outputs_start(void)
{
    const struct board *board = hal_board();
    outs.count = outs.inputs = 0;
    for (uint16_t n = 0; n < board->banks; n++) {
        const struct bank *bank = &board->bank[n];
        if (bank->kind >= ANALOG_IN) {
            outs.inputs = (uint16_t)(outs.inputs + bank->channels);
            continue;
        }
        for (uint16_t k = 0; k < bank->channels && outs.count < OSC_OUTPUTS; k++) {
            uint16_t i = outs.count++;
            outs.level[i] = outs.safe[i] = bank->power_on;
            outs.lower[i] = outs.upper[i] = bank->power_on;
            outs.top[i] = bank->top;
            outs.step[i] = (float)bank->step_nV * 1e-9f;
            outs.rate[i] = bank->slew / outs.step[i];
            outs.flags[i] = bank->kind == DIGITAL_OUT ? DIGITAL : 0;
        }
    }
}

uint16_t outputs_count(void)
{
    return outs.count;
}

uint16_t inputs_count(void)
{
    return outs.inputs;
}

uint16_t outputs_level(uint16_t output)
{
    return outs.level[output];
}

uint16_t outputs_check_limit(const struct limit *limit, struct fault *fault)
{
    uint16_t i = limit->output;
    uint16_t code = E_NONE;
    if (i >= outs.count)
        return refuse_channel(fault, E_CHANNEL, i);
    if (limit->upper > outs.top[i])
        code = refuse_value(fault, E_VALUE, limit->upper, 0, outs.top[i]);
    else if (limit->lower > limit->upper)
        code = refuse_value(fault, E_VALUE, limit->lower, 0, limit->upper);
    else if (limit->safe < limit->lower || limit->safe > limit->upper)
        code = refuse_value(fault, E_VALUE, limit->safe, limit->lower, limit->upper);
    else if (!(outs.flags[i] & DIGITAL) && !(isfinite(limit->slew) && limit->slew > 0))
        code = refuse_value(fault, E_VALUE, 0, 1, INT32_MAX);
    if (code != E_NONE)
        fault->channel = i;
    return code;
}

void outputs_set_limit(const struct limit *limit)
{
    uint16_t i = limit->output;
    outs.lower[i] = limit->lower;
    outs.upper[i] = limit->upper;
    outs.safe[i] = limit->safe;
    outs.rate[i] = limit->slew / outs.step[i];
    outs.flags[i] |= LIMITED | KNOWN;
}

uint16_t outputs_limited(void)
{
    uint16_t found = 0;
    for (uint16_t i = 0; i < outs.count; i++)
        found = (uint16_t)(found + (outs.flags[i] & LIMITED));
    return found;
}

void outputs_forget_limits(void)
{
    for (uint16_t i = 0; i < outs.count; i++)
        outs.flags[i] &= (uint8_t)~LIMITED;
}

uint32_t outputs_reach(uint16_t output, uint64_t ns)
{
    if (outs.flags[output] & DIGITAL)
        return 1;
    float codes = outs.rate[output] * ((float)ns * 1e-9f) * ROUNDING;
    /* Both ends are rounded to codes, which adds one. */
    return codes < 65535.0f ? (uint32_t)codes + 1 : 65535;
}

uint16_t outputs_check_move(uint16_t output, uint16_t from, uint16_t to, uint32_t reach,
                            struct fault *fault)
{
    if (to == from)
        return E_NONE;
    if (!(outs.flags[output] & LIMITED)) {
        refuse_value(fault, E_NO_LIMITS, to, 0, 0);
        fault->channel = output;
        return E_NO_LIMITS;
    }
    uint16_t low = outs.lower[output], high = outs.upper[output];
    /* An output that an earlier host left outside its limits may come back step by step. */
    if (from < low)
        low = from;
    if (from > high)
        high = from;
    if (to < low || to > high) {
        refuse_value(fault, E_RANGE, to, outs.lower[output], outs.upper[output]);
        fault->channel = output;
        return E_RANGE;
    }
    uint32_t change = to > from ? (uint32_t)to - from : (uint32_t)from - to;
    if (change > reach) {
        refuse_value(fault, E_SLEW, change, 0, reach);
        fault->channel = output;
        return E_SLEW;
    }
    return E_NONE;
}

void outputs_put(uint16_t output, uint16_t code)
{
    if (outs.level[output] == code)
        return;
    outs.level[output] = code;
    hal_put(output, code);
}

void outputs_latch(void)
{
    hal_latch();
}

uint32_t outputs_ramp_ms(void)
{
    float longest = 0;
    for (uint16_t i = 0; i < outs.count; i++) {
        if (!(outs.flags[i] & KNOWN) || (outs.flags[i] & DIGITAL))
            continue;
        uint16_t above = (uint16_t)(outs.top[i] - outs.safe[i]);
        float codes = (float)(above > outs.safe[i] ? above : outs.safe[i]);
        float ms = 1e3f * codes / outs.rate[i];
        longest = ms > longest ? ms : longest;
    }
    if (!(longest < 1e9f))
        return 1000000000u;
    /* A ramp consists of whole updates. */
    uint64_t us = 1000u * (uint64_t)ceilf(longest / ROUNDING), update = hal_board()->update_us;
    return (uint32_t)(((us + update - 1) / update * update + 999) / 1000);
}

bool outputs_at_safe(void)
{
    for (uint16_t i = 0; i < outs.count; i++)
        if (outs.level[i] != outs.safe[i])
            return false;
    return true;
}

void outputs_ramp_start(void)
{
    for (uint16_t i = 0; i < outs.count; i++) {
        outs.start[i] = outs.level[i];
        if (outs.flags[i] & DIGITAL)
            outputs_put(i, outs.safe[i]);
    }
    outputs_latch();
    outs.ramp_began = hal_time_ns();
    outs.ramp_next = outs.ramp_began + 1000ull * hal_board()->update_us;
}

static void ramp_output(uint16_t i, float seconds)
{
    uint16_t start = outs.start[i], safe = outs.safe[i];
    float moved = outs.rate[i] * seconds * ROUNDING;
    uint16_t distance = (uint16_t)(start > safe ? start - safe : safe - start);
    uint16_t codes = moved < (float)distance ? (uint16_t)moved : distance;
    outputs_put(i, (uint16_t)(start > safe ? start - codes : start + codes));
}

bool outputs_ramp_on(void)
{
    if (outputs_at_safe())
        return true;
    if (!hal_reached(outs.ramp_next))
        return false;
    /* After a late pass, use the time that actually passed. */
    uint64_t now = hal_time_ns();
    float seconds = (float)(now - outs.ramp_began) * 1e-9f;
    for (uint16_t i = 0; i < outs.count; i++)
        if (outs.level[i] != outs.safe[i])
            ramp_output(i, seconds);
    outputs_latch();
    outs.ramp_next = now + 1000ull * hal_board()->update_us;
    return outputs_at_safe();
}
