/* What takes the outputs away from the host: they go to their safe values, no faster than allowed. */
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

/* Silence in the middle of a waveform: safe values within the timeout, and no faster than allowed. */
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
    /* A door that is only ajar for a moment counts as well; the trip stays until it is cleared. */
    fake.digital_in = 1;
    CHECK(set_output(0, ZERO) == E_TRIPPED);
}

int main(void)
{
    silence_makes_safe();
    door_stops_a_waveform();
    printf("trips: all is well\n");
    return 0;
}
