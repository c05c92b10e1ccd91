/* The plant against finite differences, exact solutions and integrals, through its converters.
 *
 * Statistical checks allow five standard errors that come from theory: right code fails one of them
 * with probability 6e-7 on a seed chosen blindly. Readings far apart in time count as independent.
 */
#include <math.h>
#include <string.h>

#include "bytes.h"
#include "fake.h"
#include "hal.h"
#include "outputs.h"
#include "plant.h"
#include "random.h"

extern uint64_t sample_ns;

#define UNIT_NS 10000000u /* 10 ms */
#define ENABLE_LINE 32
#define ENDS 5.0f /* standard errors */

static uint8_t lines[64 * 16];
static uint16_t line_count;

static void line(uint8_t role, uint8_t term, uint16_t channel, uint16_t a, uint16_t b, float gain,
                 float offset)
{
    uint8_t *at = lines + 16u * line_count++;
    at[0] = role;
    at[1] = term;
    put_u16(at + 2, channel);
    put_u16(at + 4, a);
    put_u16(at + 6, b);
    put_f32(at + 8, gain);
    put_f32(at + 12, offset);
}

static uint16_t begin(uint16_t oscillators, uint64_t seed, float fraction, const float *flaws)
{
    uint8_t setup[56] = {0}, answer[8], total[4];
    uint16_t length;
    struct fault fault;
    put_u16(setup, oscillators);
    put_u64(setup + 4, seed);
    put_f32(setup + 12, 1e-9f * UNIT_NS);
    put_f32(setup + 16, fraction);
    put_f32(setup + 20, 1.0f);
    for (uint32_t n = 0; flaws && n < 7; n++)
        put_f32(setup + 24 + 4 * n, flaws[n]);
    sample_ns = 0;
    CHECK(plant_message(T_PLANT_SETUP, setup, 56, 0, &fault, answer, &length) == E_NONE);
    CHECK(plant_message(T_PLANT_LINES, lines, 0, line_count, &fault, answer, &length) == E_NONE);
    put_u32(total, line_count);
    line_count = 0;
    return plant_message(T_PLANT_START, total, 4, 0, &fault, answer, &length);
}

static void put_volts(uint16_t output, float volts)
{
    plant_output(output, (uint16_t)lrintf(32768 + volts / 312.5e-6f));
}

static float read_volts(uint16_t input)
{
    uint16_t code;
    hal_read(&input, 1, &code, 1000);
    return ((float)code - 32768) * 312.5e-6f;
}

static void pass(float units)
{
    hal_reached(sample_ns + (uint64_t)(units * UNIT_NS));
}

/* Two oscillators with every term, drives on outputs 0 to 12, clamps on 20 and 21. */
static const uint8_t term_of[] = {BIAS,          BIAS,     STIFFNESS,     STIFFNESS,
                                  CUBIC,         CUBIC,    QUARTIC,       QUARTIC,
                                  COUPLING,      SQUARE_LINEAR, SQUARE_LINEAR, SQUARE_SQUARE,
                                  QUARTIC_SPRING};
static const float theta[] = {0.7f, -0.4f, 1.5f, 2.0f, -0.3f, 0.5f, 0.8f,
                              0.6f, 0.9f,  0.4f, -0.2f, 0.5f, 0.3f};

static double energy(double x, double y)
{
    const float *t = theta;
    double s = x - y;
    return t[0] * x + t[1] * y + t[2] * x * x / 2 + t[3] * y * y / 2 + t[4] * x * x * x / 3 +
           t[5] * y * y * y / 3 + t[6] * x * x * x * x / 4 + t[7] * y * y * y * y / 4 +
           t[8] * x * y + t[9] * x * x * y + t[10] * y * y * x + t[11] * x * x * y * y / 2 +
           t[12] * s * s * s * s / 4;
}

static void solder_pair(void)
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

static void drive_pair(void)
{
    for (uint16_t n = 0; n < 13; n++)
        put_volts(n, 0.25f + 2 * theta[n]);
}

static void forces_are_slopes(void)
{
    const double h = 1e-5, points[][2] = {{0.4, -1.1}, {-1.3, 0.2}, {1.7, 1.2}, {-0.6, -0.9}};
    solder_pair();
    CHECK(begin(2, 1, 0.02f, NULL) == E_NONE);
    drive_pair();
    plant_output(ENABLE_LINE, 1);
    for (uint32_t n = 0; n < 4; n++) {
        double x = points[n][0], y = points[n][1];
        double wanted[] = {-(energy(x + h, y) - energy(x - h, y)) / (2 * h),
                           -(energy(x, y + h) - energy(x, y - h)) / (2 * h)};
        put_volts(20, 0.1f - 1.5f * (float)x);
        put_volts(21, 0.1f - 1.5f * (float)y);
        for (uint16_t i = 0; i < 2; i++) {
            float force = (read_volts(2 + i) - 0.05f) / -0.5f;
            float place = (read_volts(i) + 0.2f) / 2;
            /* Codes of 312.5 uV: 1e-4 in each parameter and position, 1e-3 in a force. */
            CHECK(fabs(force - wanted[i]) < 6e-3);
            CHECK(fabs(place - points[n][i]) < 4e-4);
        }
    }
}

static void normals_are_normal(void)
{
    const int count = 1000000;
    double sums[5] = {0};
    struct generator one;
    generator_seed(&one, 3, 0);
    for (int n = 0; n < count; n++) {
        double z = generator_normal(&one), power = 1;
        for (int k = 1; k < 5; k++)
            sums[k] += power *= z;
    }
    /* Standard errors of the first four moments: 1, 2, 15, 96, over the count. */
    CHECK(fabs(sums[1] / count) < ENDS * sqrt(1.0 / count));
    CHECK(fabs(sums[2] / count - 1) < ENDS * sqrt(2.0 / count));
    CHECK(fabs(sums[3] / count) < ENDS * sqrt(15.0 / count));
    CHECK(fabs(sums[4] / count - 3) < ENDS * sqrt(96.0 / count));
}

/* A spring: the variance of the scheme itself, 1 / (k (1 - k dt / 2)), and not the continuum's. */
static void spring_has_its_variance(void)
{
    const int count = 40000;
    const float k = 4, fraction = 0.2f;
    double sum = 0, square = 0;
    line(DRIVE, STIFFNESS, 0, 0, 0, 1, 0);
    line(POSITION, 0, 0, 0, 0, 1, 0);
    CHECK(begin(1, 11, fraction, NULL) == E_NONE);
    put_volts(0, k);
    for (int n = 0; n < count; n++) {
        pass(2);
        double x = read_volts(0);
        sum += x;
        square += x * x;
    }
    double wanted = 1 / (k * (1 - fraction / 2)), error = wanted * sqrt(2.0 / count);
    CHECK(fabs(square / count - wanted) < ENDS * error);
    CHECK(fabs(square / count - 1 / k) > ENDS * error);
    CHECK(fabs(sum / count) < ENDS * sqrt(wanted / count));
}

/* Released from a clamp, the mean decays and the spread grows as they must. */
static void release_relaxes(void)
{
    const int count = 20000;
    const float k = 2, start = 1.5f, duration = 0.3f;
    double sum = 0, square = 0;
    line(DRIVE, STIFFNESS, 0, 0, 0, 1, 0);
    line(CLAMP, 0, 1, 0, 0, 1, 0);
    line(ENABLE, 0, ENABLE_LINE, 0, 0, 0, 0);
    line(POSITION, 0, 0, 0, 0, 1, 0);
    CHECK(begin(1, 5, 0.005f, NULL) == E_NONE);
    put_volts(0, k);
    put_volts(1, start);
    for (int n = 0; n < count; n++) {
        plant_output(ENABLE_LINE, 1);
        pass(0.01f);
        CHECK(fabsf(read_volts(0) - start) < 2e-4f);
        plant_output(ENABLE_LINE, 0);
        pass(duration);
        double x = read_volts(0);
        sum += x;
        square += x * x;
    }
    double mean = start * exp(-k * duration), variance = (1 - exp(-2 * k * duration)) / k;
    double seen = sum / count, spread = square / count - seen * seen;
    /* The scheme is off by k dt / 2 = 0.25 % at most. */
    CHECK(fabs(seen - mean) < ENDS * sqrt(variance / count) + 0.0025 * mean);
    CHECK(fabs(spread - variance) < ENDS * variance * sqrt(2.0 / count) + 0.0025 * variance);
}

/* All terms at once: moments of exp(-U), by integration on a grid. */
static void pair_is_in_equilibrium(void)
{
    const int count = 6000, grid = 400;
    double weight = 0, wanted[5] = {0}, fourth[5] = {0}, sums[5] = {0};
    for (int i = 0; i < grid; i++)
        for (int j = 0; j < grid; j++) {
            double x = 10.0 * (i + 0.5) / grid - 5, y = 10.0 * (j + 0.5) / grid - 5;
            double p = exp(-energy(x, y)), m[] = {x, y, x * x, y * y, x * y};
            weight += p;
            for (int n = 0; n < 5; n++) {
                wanted[n] += p * m[n];
                fourth[n] += p * m[n] * m[n];
            }
        }
    solder_pair();
    CHECK(begin(2, 21, 0.02f, NULL) == E_NONE);
    drive_pair();
    for (int n = 0; n < count; n++) {
        pass(3);
        double x = (read_volts(0) + 0.2f) / 2, y = (read_volts(1) + 0.2f) / 2;
        double m[] = {x, y, x * x, y * y, x * y};
        for (int k = 0; k < 5; k++)
            sums[k] += m[k];
    }
    for (int k = 0; k < 5; k++) {
        double mean = wanted[k] / weight, spread = sqrt(fourth[k] / weight - mean * mean);
        /* A step of 0.02 over the curvature shifts a variance by less than 1 %; what is left of the
         * reading before, exp(-2.5), makes errors larger by a twelfth. */
        CHECK(fabs(sums[k] / count - mean) < (1.1 * ENDS / sqrt(count) + 0.01) * spread);
    }
}

static void flaws_do_what_they_say(void)
{
    const float noise[] = {0.05f, 0, 0, 0, 0, 0, 0}, slow[] = {0, 0, 0, 0, 0.001f, 0, 0};
    double sum = 0, square = 0;
    line(POSITION, 0, 0, 0, 0, 1, 0);
    line(CLAMP, 0, 1, 0, 0, 1, 0);
    line(ENABLE, 0, ENABLE_LINE, 0, 0, 0, 0);
    CHECK(begin(1, 2, 0.02f, noise) == E_NONE);
    plant_output(ENABLE_LINE, 1);
    put_volts(1, 1);
    for (int n = 0; n < 20000; n++) {
        double volts = read_volts(0) - 1;
        sum += volts;
        square += volts * volts;
    }
    CHECK(fabs(square / 20000 - 0.0025) < ENDS * 0.0025 * sqrt(2.0 / 20000));
    CHECK(fabs(sum / 20000) < ENDS * 0.05 / sqrt(20000));
    /* Outputs that settle in 1 ms are 1 - exp(-2) of the way after 2 ms. */
    line(POSITION, 0, 0, 0, 0, 1, 0);
    line(CLAMP, 0, 1, 0, 0, 1, 0);
    line(ENABLE, 0, ENABLE_LINE, 0, 0, 0, 0);
    put_volts(1, 0);
    CHECK(begin(1, 2, 0.02f, slow) == E_NONE);
    put_volts(1, 1);
    hal_reached(sample_ns + 2000000);
    CHECK(fabs(read_volts(0) - (1 - exp(-2.0))) < 1e-3);
    /* A stuck line, an event outside, a digital input that nothing is wired to. */
    line(STUCK_IN, 0, 3, 0, 0, 0, 2.5f);
    line(OUTSIDE, 0, 4, 0, 0, 0, 1);
    line(HAPPENING, 0, 4, 0, 0, 0.5f, -1);
    CHECK(begin(1, 2, 0.02f, NULL) == E_NONE);
    CHECK(fabsf(read_volts(3) - 2.5f) < 2e-4f && fabsf(read_volts(4) - 1) < 2e-4f);
    hal_reached(500000000);
    uint16_t switched = 16, code;
    hal_read(&switched, 1, &code, 1000);
    CHECK(fabsf(read_volts(4) + 1) < 2e-4f && code == 1);
}

/* A spring that pushes: the numbers run away, and that is said. */
static void running_away_is_seen(void)
{
    line(DRIVE, STIFFNESS, 0, 0, 0, 1, 0);
    line(DRIVE, STIFFNESS, 0, 0, 0, 1, 0);
    CHECK(begin(1, 2, 0.02f, NULL) == E_NONE);
    put_volts(0, -5);
    CHECK(plant_trouble() == E_NONE);
    pass(10);
    CHECK(plant_trouble() == E_PLANT);
    line(CLAMP, 0, 1, 0, 0, 1, 0);
    line(CLAMP, 0, 2, 0, 0, 1, 0);
    CHECK(begin(1, 2, 0.02f, NULL) == E_PLANT);
}

int main(void)
{
    outputs_start();
    plant_start();
    forces_are_slopes();
    normals_are_normal();
    spring_has_its_variance();
    release_relaxes();
    pair_is_in_equilibrium();
    flaws_do_what_they_say();
    running_away_is_seen();
    printf("plant: all is well\n");
    return 0;
}
