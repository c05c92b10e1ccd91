/* Frames, and the device as its host sees it, where the golden transcripts do not reach. */
#include <string.h>

#include "bytes.h"
#include "client.h"
#include "store.h"

/* A sample period in which 100 V/s are 32 codes. */
#define PERIOD 100000u

static void frames_survive(void)
{
    static uint8_t body[FRAME_BODY], encoded[FRAME_ENCODED];
    CHECK(frame_crc((const uint8_t *)"123456789", 9) == 0xCBF43926u);
    for (size_t count = 0; count < 1030; count++)
        for (int zeros = 0; zeros < 3; zeros++) {
            for (size_t n = 0; n < count; n++)
                body[n] = (uint8_t)(zeros == 0 ? 1 + n % 255 : zeros == 1 ? 0 : n % 7);
            size_t size = frame_encode(body, count, encoded);
            CHECK(size <= count + count / 254 + 2 && encoded[size - 1] == 0);
            CHECK(memchr(encoded, 0, size - 1) == NULL);
            CHECK(frame_decode(encoded, size - 1) == count);
            CHECK(memcmp(encoded, body, count) == 0);
        }
}

static void record(uint32_t samples, uint32_t read, int code)
{
    put32(code < 0 ? samples | WIRE_HOLD : samples);
    put32(read);
    if (code >= 0)
        put16((uint16_t)code);
}

/* Many times the store's size passes through it; each level is read back. */
static void waveform_streams(void)
{
    const uint32_t total = 3000, batch = 100;
    client_start(true, false);
    CHECK(begin_exchange(1, total, 1, PERIOD, total * 10, 0, true) == E_NONE);
    for (uint32_t first = 0; first < total; first += batch) {
        put32(1);
        put32(first);
        for (uint32_t n = first; n < first + batch; n++)
            record(1, 1, ZERO + (int)(n % 32));
        CHECK(ask(T_SEGMENT, batch) == E_NONE);
        if (first == 0) {
            put32(1);
            CHECK(ask(T_TRIGGER, 0) == E_NONE);
        }
        put32(1);
        put32(client.next_row);
        put32(0);
        CHECK(urgent(T_READ_ACK) == E_NONE);
    }
    CHECK(client.events[EV_DONE] == 1 && client.rows == total);
    for (uint32_t n = 0; n < total; n++)
        CHECK(client.row[n][0] == ZERO + n % 32);
    CHECK(fake.time_ns == (uint64_t)total * PERIOD && fake.code[0] == ZERO + (total - 1) % 32);
}

static void rows_wait_for_room(void)
{
    client_start(true, false);
    CHECK(begin_exchange(1, 1, 1, PERIOD, 10, 0, true) == E_NONE);
    put32(1);
    put32(0);
    record(2000, 2000, ZERO);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(1);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    CHECK(client.rows == OSC_READINGS / 2 && client.events[EV_DONE] == 0);
    while (client.events[EV_DONE] == 0) {
        put32(1);
        put32(client.next_row);
        put32(0);
        CHECK(urgent(T_READ_ACK) == E_NONE);
    }
    CHECK(client.rows == 2000);
}

/* With a real clock, what does not come in time ends the waveform where it is. */
static void real_clock_does_not_wait(void)
{
    client_start(true, true);
    CHECK(begin_exchange(1, 2, 1, PERIOD, 20, 0, false) == E_NONE);
    put32(1);
    put32(0);
    record(10, 0, ZERO + 20);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(1);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    CHECK(fake.code[0] == ZERO + 20 && client.events[EV_FAILED] == 0);
    fake_pass(11 * PERIOD);
    fake_settle();
    client_hear();
    CHECK(client.events[EV_FAILED] == 1 && get_u16(client.status + 2) == E_UNDERRUN);
    CHECK(begin_exchange(2, 1, 1, PERIOD, 10, 0, true) == E_NONE);
    put32(2);
    put32(0);
    record(2000, 2000, ZERO + 20);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(2);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    for (int n = 0; n < 10 && client.events[EV_FAILED] < 2; n++) {
        fake_pass(80 * PERIOD);
        fake_settle();
        client_hear();
    }
    CHECK(client.events[EV_FAILED] == 2 && get_u16(client.status + 2) == E_OVERRUN);
    CHECK(fake.code[0] == ZERO + 20);
}

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

static void abort_holds(void)
{
    client_start(true, true);
    CHECK(begin_exchange(5, 1, 1, PERIOD, 10, 0, false) == E_NONE);
    put32(5);
    put32(0);
    record(1000, 0, ZERO + 30);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(5);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    put32(4);
    CHECK(urgent(T_ABORT) == E_NONE && client.answer[0] == S_RUNNING);
    put32(5);
    CHECK(urgent(T_ABORT) == E_NONE && client.answer[0] == S_ABORTED);
    CHECK(client.events[EV_ABORTED] == 1 && fake.code[0] == ZERO + 30);
    put32(1000000000);
    put32(0);
    ask(T_PAUSE, 0);
    CHECK(client.answered.type == 0);
    CHECK(ask(T_GET_OUTPUTS, 0) == E_BUSY);
    client.sequence--;
    put32(WIRE_ANY);
    urgent(T_ABORT);
    CHECK(client.answered.type == T_ERROR && get_u16(client.answer + 2) == E_ABORTED);
}

/* The start may be outside of the limits; outputs come back step by step, and no other way. */
static void outputs_come_back(void)
{
    client_start(true, false);
    CHECK(set_output(0, ZERO + 321) == E_NONE);
    put16(0);
    put16(ZERO - 100);
    put16(ZERO + 100);
    put16(ZERO);
    put_f32(client.payload + client.length, 100.0f);
    client.length = (uint16_t)(client.length + 4);
    CHECK(ask(T_LIMITS, 1) == E_NONE);
    CHECK(set_output(0, ZERO + 322) == E_RANGE);
    CHECK(set_output(0, ZERO + 200) == E_NONE);
    CHECK(set_output(0, ZERO + 201) == E_RANGE);
    CHECK(set_output(0, ZERO - 120) == E_RANGE);
    CHECK(set_output(0, ZERO - 100) == E_NONE);
}

static void a_new_host_needs_limits(void)
{
    static uint8_t encoded[FRAME_ENCODED], payload[8];
    client_start(true, false);
    CHECK(set_output(0, ZERO + 100) == E_NONE);
    put_u32(payload, WIRE_MAGIC);
    put_u16(payload + 4, 1);
    put_u16(payload + 6, 1);
    fake_feed(encoded, fake_frame(T_HELLO, 9, SESSION + 1, 0, payload, 8, encoded));
    fake_settle();
    client_hear();
    CHECK(set_output(0, ZERO) == E_SESSION);
    put_u16(payload, 0);
    put_u16(payload + 2, 0);
    put_u16(payload + 4, ZERO);
    fake_feed(encoded, fake_frame(T_SET_OUTPUTS, 10, SESSION + 1, 1, payload, 6, encoded));
    fake_settle();
    client_hear();
    CHECK(get_u16(client.answer + 2) == E_NO_WATCHDOG && fake.code[0] == ZERO + 100);
    /* The watchdog of the host before is still awake. */
    fake.wall_ms += 1000;
    fake_settle();
    CHECK(fake.code[0] == ZERO);
}

static void repeats_must_fit_together(void)
{
    client_start(true, false);
    CHECK(begin_exchange(1, 2, 3, PERIOD, 20, 0, false) == E_NONE);
    put32(1);
    put32(0);
    record(1, 0, ZERO + 30);
    record(1, 0, ZERO + 63);
    CHECK(ask(T_SEGMENT, 2) == E_NONE);
    CHECK(begin_exchange(2, 3, 2, PERIOD, 30, 0, false) == E_NONE);
    put32(2);
    put32(0);
    record(1, 0, ZERO + 30);
    record(1, 0, ZERO + 62);
    record(1, 0, ZERO + 64);
    CHECK(ask(T_SEGMENT, 3) == E_SLEW);
    put32(2);
    CHECK(ask(T_TRIGGER, 0) == E_NO_EXCHANGE);
    CHECK(fake.code[0] == ZERO);
}

int main(void)
{
    frames_survive();
    waveform_streams();
    rows_wait_for_room();
    real_clock_does_not_wait();
    silence_makes_safe();
    door_stops_a_waveform();
    abort_holds();
    outputs_come_back();
    a_new_host_needs_limits();
    repeats_must_fit_together();
    printf("core: all is well\n");
    return 0;
}
