#include "soldered.h"

#include <math.h>

#include "bytes.h"
#include "fake.h"

static uint8_t lines[64 * 20];
static uint16_t line_count;

void line(uint8_t role, uint8_t term, uint16_t channel, uint16_t a, uint16_t b, float gain,
          float offset)
{
    uint8_t *at = lines + 20u * line_count++;
    at[0] = role;
    at[1] = term;
    put_u16(at + 2, channel);
    put_u16(at + 4, a);
    put_u16(at + 6, b);
    put_u16(at + 8, 0);
    put_u16(at + 10, 0);
    put_f32(at + 12, gain);
    put_f32(at + 16, offset);
}

void line_of_three(uint8_t term, uint16_t channel, const uint16_t *ends, float gain, float offset)
{
    line(DRIVE, term, channel, ends[0], ends[1], gain, offset);
    put_u16(lines + 20u * (line_count - 1u) + 8, ends[2]);
}

/* term, powers of a, b, c, coefficient */
static const struct {
    uint8_t term, power[3];
    float coefficient;
} monomials[] = {
    {BIAS, {1, 0, 0}, 1},
    {STIFFNESS, {2, 0, 0}, 1 / 2.0f},
    {CUBIC, {3, 0, 0}, 1 / 3.0f},
    {QUARTIC, {4, 0, 0}, 1 / 4.0f},
    {COUPLING, {1, 1, 0}, 1},
    {SQUARE_LINEAR, {2, 1, 0}, 1},
    {SQUARE_SQUARE, {2, 2, 0}, 1 / 2.0f},
    {QUARTIC_SPRING, {4, 0, 0}, 1 / 4.0f},
    {QUARTIC_SPRING, {3, 1, 0}, -1},
    {QUARTIC_SPRING, {2, 2, 0}, 3 / 2.0f},
    {QUARTIC_SPRING, {1, 3, 0}, -1},
    {QUARTIC_SPRING, {0, 4, 0}, 1 / 4.0f},
    {SEXTIC, {6, 0, 0}, 1},
    {GATE, {1, 1, 1}, 1},
};
#define MONOMIALS (sizeof monomials / sizeof monomials[0])

bool bath_on_force;

uint16_t begin(uint16_t oscillators, uint64_t seed, float fraction, const float *flaws)
{
    uint8_t setup[56] = {0}, answer[8], total[4];
    uint16_t length;
    struct fault fault;
    put_u16(setup, oscillators);
    put_u16(setup + 2, bath_on_force);
    put_u64(setup + 4, seed);
    put_f32(setup + 12, 1e-9f * UNIT_NS);
    put_f32(setup + 16, fraction);
    put_f32(setup + 20, 1.0f);
    for (uint32_t n = 0; flaws && n < 7; n++)
        put_f32(setup + 24 + 4 * n, flaws[n]);
    sample_ns = 0;
    CHECK(plant_message(T_PLANT_SETUP, setup, 56, 0, &fault, answer, &length) == E_NONE);
    uint8_t terms[8 * MONOMIALS];
    for (uint32_t n = 0; n < MONOMIALS; n++) {
        terms[8 * n] = monomials[n].term;
        for (uint32_t e = 0; e < 3; e++)
            terms[8 * n + 1 + e] = monomials[n].power[e];
        put_f32(terms + 8 * n + 4, monomials[n].coefficient);
    }
    CHECK(plant_message(T_PLANT_TERMS, terms, 0, MONOMIALS, &fault, answer, &length) == E_NONE);
    CHECK(plant_message(T_PLANT_LINES, lines, 0, line_count, &fault, answer, &length) == E_NONE);
    put_u32(total, line_count);
    line_count = 0;
    return plant_message(T_PLANT_START, total, 4, 0, &fault, answer, &length);
}

void put_volts(uint16_t output, float volts)
{
    plant_output(output, (uint16_t)lrintf(32768 + volts / 312.5e-6f));
}

float read_volts(uint16_t input)
{
    uint16_t code;
    hal_read(&input, 1, &code, 1000);
    return ((float)code - 32768) * 312.5e-6f;
}

void pass(float units)
{
    hal_reached(sample_ns + (uint64_t)(units * UNIT_NS));
}

/* Two oscillators with every term, drives on outputs 0 to 12, clamps on 20 and 21. */
static const uint8_t term_of[] = {BIAS,          BIAS,     STIFFNESS,     STIFFNESS,
                                  CUBIC,         CUBIC,    QUARTIC,       QUARTIC,
                                  COUPLING,      SQUARE_LINEAR, SQUARE_LINEAR, SQUARE_SQUARE,
                                  QUARTIC_SPRING};
const float theta[13] = {0.7f, -0.4f, 1.5f, 2.0f, -0.3f, 0.5f, 0.8f,
                              0.6f, 0.9f,  0.4f, -0.2f, 0.5f, 0.3f};

double energy(double x, double y)
{
    const float *t = theta;
    double s = x - y;
    return t[0] * x + t[1] * y + t[2] * x * x / 2 + t[3] * y * y / 2 + t[4] * x * x * x / 3 +
           t[5] * y * y * y / 3 + t[6] * x * x * x * x / 4 + t[7] * y * y * y * y / 4 +
           t[8] * x * y + t[9] * x * x * y + t[10] * y * y * x + t[11] * x * x * y * y / 2 +
           t[12] * s * s * s * s / 4;
}

void solder_pair(void)
{
    for (uint16_t n = 0; n < 13; n++) {
        uint16_t a = n < 8 ? n % 2 : n == 10;
        line(DRIVE, term_of[n], n, a, !a, 2.0f, 0.25f);
    }
    for (uint16_t i = 0; i < 2; i++) {
        line(CLAMP, 0, 20 + i, i, 0, -1.5f, 0.1f);
        line(POSITION, 0, i, i, 0, 2.0f, -0.2f);
        line(FORCE, 0, 2 + i, i, 0, -0.5f, 0.05f);
    }
    line(ENABLE, 0, ENABLE_LINE, 0xFFFF, 0, 0, 0);
}

void drive_pair(void)
{
    for (uint16_t n = 0; n < 13; n++)
        put_volts(n, 0.25f + 2 * theta[n]);
}
