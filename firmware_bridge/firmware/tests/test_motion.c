/* The plant's motion against exact solutions and integrals, through its converters.
 *
 * Statistical checks allow five theoretical standard errors: correct code fails one of them with
 * probability 6e-7 on a random seed. Readings far apart in time count as independent.
 */
#include <math.h>

#include "fake.h"
#include "outputs.h"
#include "random.h"
#include "soldered.h"

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

/* A spring has the variance of the scheme, 1 / (k (1 - k dt / 2)), not that of the continuum. */
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

/* After release from a clamp, mean and variance follow the exact solution. */
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

/* All terms at once: the moments of exp(-U), from integration on a grid. */
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
        /* A step of 0.02 over the curvature shifts a variance by less than 1 %; the correlation
         * with the previous reading, exp(-2.5), increases errors by a twelfth. */
        CHECK(fabs(sums[k] / count - mean) < (1.1 * ENDS / sqrt(count) + 0.01) * spread);
    }
}

int main(void)
{
    outputs_start();
    plant_start();
    normals_are_normal();
    spring_has_its_variance();
    release_relaxes();
    pair_is_in_equilibrium();
    printf("motion: all is well\n");
    return 0;
}
