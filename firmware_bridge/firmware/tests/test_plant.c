/* The plant's forces against finite differences, and its flaws, through its converters.
 *
 * Statistical checks allow five theoretical standard errors: correct code fails one of them with
 * probability 6e-7 on a random seed. Readings far apart in time count as independent.
 */
#include <math.h>

#include "bytes.h"
#include "fake.h"
#include "outputs.h"
#include "soldered.h"

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

/* x y z + t^6 on four oscillators, and plants that are refused. */
static void terms_are_what_they_are_made_of(void)
{
    const uint16_t three[] = {0, 1, 2};
    const float at[] = {0.4f, -1.1f, 0.8f, 1.2f};
    const double wanted[] = {1.1 * 0.8, -0.4 * 0.8, 0.4 * 1.1, -6 * 0.3 * pow(1.2, 5)};
    line_of_three(GATE, 0, three, 1, 0);
    line(DRIVE, SEXTIC, 1, 3, 0, 1, 0);
    for (uint16_t i = 0; i < 4; i++) {
        line(CLAMP, 0, 20 + i, i, 0, 1, 0);
        line(FORCE, 0, i, i, 0, 1, 0);
    }
    line(ENABLE, 0, ENABLE_LINE, 0xFFFF, 0, 0, 0);
    CHECK(begin(4, 1, 0.02f, NULL) == E_NONE);
    plant_output(ENABLE_LINE, 1);
    put_volts(0, 1);
    put_volts(1, 0.3f);
    for (uint16_t i = 0; i < 4; i++)
        put_volts(20 + i, at[i]);
    for (uint16_t i = 0; i < 4; i++)
        CHECK(fabs(read_volts(i) - wanted[i]) < 6e-3);
}

static uint16_t tell(uint8_t type, const uint8_t *payload, uint16_t count)
{
    struct fault fault;
    uint8_t answer[8];
    uint16_t length;
    return plant_message(type, payload, 0, count, &fault, answer, &length);
}

/* Add a drive of `term` on oscillators 0, 1 and `third`. */
static uint16_t solder_three(uint8_t term, uint16_t third)
{
    uint8_t drive[20] = {DRIVE, term};
    put_u16(drive + 6, 1);
    put_u16(drive + 8, third);
    put_f32(drive + 12, 1);
    return tell(T_PLANT_LINES, drive, 1);
}

static void impossible_terms_are_refused(void)
{
    const struct {
        uint8_t term, power;
        float coefficient;
    } bad[] = {{0, 0, 1}, {0, PLANT_DEGREE + 1, 1}, {0, 3, INFINITY}, {1, 3, 1}};
    uint8_t setup[56] = {4}, monomial[8] = {0}, many[8 * (PLANT_MONOMIALS + 1)] = {0};
    put_f32(setup + 12, 0.01f);
    put_f32(setup + 16, 0.02f);
    CHECK(tell(T_PLANT_TERMS, monomial, 1) == E_PLANT); /* no plant, or one that was started */
    for (uint32_t n = 0; n < 4; n++) {
        CHECK(tell(T_PLANT_SETUP, setup, 0) == E_NONE);
        monomial[0] = bad[n].term;
        monomial[1] = bad[n].power;
        put_f32(monomial + 4, bad[n].coefficient);
        CHECK(tell(T_PLANT_TERMS, monomial, 1) == E_PLANT);
    }
    for (uint32_t n = 0; n <= PLANT_MONOMIALS; n++) {
        many[8 * n] = (uint8_t)n;
        many[8 * n + 1] = many[8 * n + 2] = many[8 * n + 3] = 1;
    }
    CHECK(tell(T_PLANT_SETUP, setup, 0) == E_NONE);
    CHECK(tell(T_PLANT_TERMS, many, PLANT_MONOMIALS + 1) == E_PLANT);
    CHECK(tell(T_PLANT_TERMS, many, 2) == E_NONE);
    CHECK(tell(T_PLANT_TERMS, many, 1) == E_PLANT); /* for a term that is complete */
    CHECK(solder_three(0, 1) == E_PLANT && solder_three(0, 4) == E_PLANT);
    CHECK(solder_three(2, 2) == E_PLANT && solder_three(1, 2) == E_NONE);
    CHECK(tell(T_PLANT_TERMS, many + 16, 1) == E_PLANT); /* after lines */
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
    /* A stuck line, an external event, an unwired digital input. */
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

/* A spring of negative stiffness runs away, which is reported. */
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

/* The bath's force is white: a longer average sees less of it, even if nothing moves. */
static void bath_is_white(void)
{
    const int count = 20000;
    const float gain = 0.01f;
    double square = 0, product = 0, before = 0;
    bath_on_force = true;
    line(CLAMP, 0, 1, 0, 0, 1, 0);
    line(ENABLE, 0, ENABLE_LINE, 0, 0, 0, 0);
    line(FORCE, 0, 0, 0, 0, gain, 0);
    CHECK(begin(1, 3, 0.02f, NULL) == E_NONE);
    bath_on_force = false;
    plant_output(ENABLE_LINE, 1);
    for (int n = 0; n < count; n++) {
        pass(0.001f);
        /* Reading an interlock does not change the noise. */
        plant_input(0, sample_ns, 0);
        double volts = read_volts(0);
        square += volts * volts;
        product += volts * before;
        before = volts;
    }
    /* 2 D over the 1000 ns that read_volts() averages. */
    double wanted = 2 * (double)gain * gain * UNIT_NS / 1000;
    CHECK(fabs(square / count - wanted) < ENDS * wanted * sqrt(2.0 / count));
    CHECK(fabs(product / count) < ENDS * wanted / sqrt(count));
}

/* An hour at once takes many steps of 4 us, each of which makes progress. */
static void long_pauses_go_on(void)
{
    uint64_t reached;
    line(DRIVE, STIFFNESS, 0, 0, 0, 0.1f, 0);
    CHECK(begin(1, 2, 0.02f, NULL) == E_NONE);
    put_volts(0, 5);
    CHECK(!plant_advance(0, 3600000000000u, &reached));
    const uint64_t steps = PLANT_QUANTUM / 34 / 17 * 32;
    CHECK(plant_trouble() == E_NONE && reached > steps * 3900 && reached < steps * 4100);
}

int main(void)
{
    outputs_start();
    plant_start();
    forces_are_slopes();
    terms_are_what_they_are_made_of();
    impossible_terms_are_refused();
    flaws_do_what_they_say();
    running_away_is_seen();
    bath_is_white();
    long_pauses_go_on();
    printf("plant: all is well\n");
    return 0;
}
