/* Trips: outputs go to their safe values, no faster than their slew limits. */
#include <stdlib.h>

#include "bytes.h"
#include "client.h"

static uint32_t largest_change;
static uint16_t code_before;

static void watch_changes(void)
{
    uint32_t change = (uint32_t)abs((int)fake.code[0] - (int)code_before);
    largest_change = change > largest_change ? change : largest_change;
    code_before = fake.code[0];
}

/* Silence in a waveform: outputs reach safe values within the timeout and slew limits. */
static void silence_makes_safe(void)
{
    client_start(true, true);
    CHECK(begin_exchange(1, 201, 1, PERIOD, 2010, 0, false) == E_NONE);
    put32(1);
    put32(0);
    for (int n = 1; n <= 200; n++)
        record(1, 0, ZERO + 32 * n);
    record(1000000, 0, -1);
    CHECK(ask(T_SEGMENT, 201) == E_NONE);
    put32(1);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    uint32_t last = fake.wall_ms;
    for (int n = 0; n < 300; n++) {
        fake_pass(PERIOD);
        fake_settle();
    }
    CHECK(fake.code[0] == ZERO + 6400 && fake.code[3] == 0);
    largest_change = 0;
    code_before = fake.code[0];
    fake.on_latch = watch_changes;
    while (fake.code[0] != ZERO) {
        fake_pass(1000000);
        fake_settle();
        CHECK(fake.wall_ms - last <= 1000);
    }
    client_hear();
    CHECK(largest_change >= 300 && largest_change <= 321 && fake.code[3] == 1);
    CHECK(client.events[EV_FAILED] == 1 && client.events[EV_TRIPPED] == 1);
    CHECK(client.events[EV_SAFE] == 1 && get_u16(client.status + 2) == E_TRIPPED);
    CHECK(set_output(0, ZERO + 1) == E_TRIPPED);
    CHECK(ask(T_CLEAR, 0) == E_NONE);
    fake.on_latch = NULL;
}

static void door_stops_a_waveform(void)
{
    client_start(true, true);
    put16(2);
    put16(1);
    put16(1);
    put16(0);
    CHECK(ask(T_INTERLOCKS, 1) == E_NONE);
    CHECK(begin_exchange(1, 1, 1, PERIOD, 10, 0, false) == E_NONE);
    put32(1);
    put32(0);
    record(100000, 0, ZERO + 30);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(1);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    fake.digital_in = 0;
    fake_pass(2000000);
    fake_settle();
    fake_pass(2000000);
    fake_settle();
    client_hear();
    CHECK(fake.code[0] == ZERO && client.events[EV_FAILED] == 1 && client.events[EV_SAFE] == 1);
    CHECK(get_u16(client.status + 2) == E_INTERLOCK && client.status[1] == TRIP_INTERLOCK);
    CHECK(ask(T_CLEAR, 0) == E_INTERLOCK);
    /* A door that opens only for a moment trips as well; the trip stays until it is cleared. */
    fake.digital_in = 1;
    CHECK(set_output(0, ZERO) == E_TRIPPED);
}

static void raise_output(uint16_t code, uint16_t step)
{
    while (fake.code[0] != code) {
        uint16_t left = (uint16_t)(code - fake.code[0]);
        CHECK(set_output(0, (uint16_t)(fake.code[0] + (left < step ? left : step))) == E_NONE);
        fake_pass(1000ull * fake.update_us);
        fake_settle();
        client_hear();
    }
}

/* Limits that arrive during a ramp to safe values change the rest of the ramp without a jump. */
static void limits_do_not_make_a_ramp_jump(uint16_t safe, float slew)
{
    client_start(true, true);
    raise_output(ZERO + 6400, 320);
    CHECK(urgent(T_MAKE_SAFE) == E_NONE);
    for (int n = 0; n < 10; n++) {
        fake_pass(1000000);
        fake_settle();
    }
    CHECK(fake.code[0] <= ZERO + 3200);
    largest_change = 0;
    code_before = fake.code[0];
    fake.on_latch = watch_changes;
    limit(0, ZERO - 6400, ZERO + 6400, safe, slew);
    CHECK(ask(T_LIMITS, 1) == E_NONE);
    for (int n = 0; n < 100; n++) {
        fake_pass(1000000);
        fake_settle();
    }
    client_hear();
    fake.on_latch = NULL;
    CHECK(fake.code[0] == safe && client.events[EV_SAFE] == 1);
    CHECK((float)largest_change <= 3.2f * slew + 1);
}

/* After safe values change in a trip, MAKE_SAFE goes to the new ones; driving is refused before. */
static void make_safe_goes_to_new_values(void)
{
    client_start(true, false);
    CHECK(urgent(T_MAKE_SAFE) == E_NONE);
    limit(0, ZERO - 6400, ZERO + 6400, ZERO + 1000, 100);
    CHECK(ask(T_LIMITS, 1) == E_NONE);
    CHECK(fake.code[0] == ZERO);
    CHECK(ask(T_CLEAR, 0) == E_BUSY);
    client.sequence--;
    CHECK(urgent(T_MAKE_SAFE) == E_NONE);
    CHECK(fake.code[0] == ZERO + 1000);
    CHECK(client.events[EV_TRIPPED] == 1 && client.events[EV_SAFE] == 2);
    CHECK(ask(T_CLEAR, 0) == E_NONE);
}

/* A ramp consists of whole updates, even of long ones. */
static void slow_updates_are_in_time(void)
{
    client_start(true, true);
    fake.update_us = 50000;
    limit(0, 0, 65535, ZERO, 100);
    CHECK(ask(T_LIMITS, 1) == E_NONE);
    put32(1000);
    CHECK(ask(T_WATCHDOG, 0) == E_NONE);
    raise_output(65535, 16000);
    put32(1000);
    CHECK(ask(T_WATCHDOG, 0) == E_NONE);
    uint32_t last = fake.wall_ms;
    while (fake.code[0] != ZERO) {
        fake_pass(1000000);
        fake_settle();
        CHECK(fake.wall_ms - last <= 1000);
    }
}

int main(void)
{
    silence_makes_safe();
    door_stops_a_waveform();
    limits_do_not_make_a_ramp_jump(ZERO + 6400, 200);
    limits_do_not_make_a_ramp_jump(ZERO, 200);
    make_safe_goes_to_new_values();
    slow_updates_are_in_time();
    printf("trips: all is well\n");
    return 0;
}
