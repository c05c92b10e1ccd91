/* Waveforms as a host sees them, beyond the golden transcripts. */
#include "bytes.h"
#include "client.h"

/* Stream many times the store's size; each level is read back. */
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

/* With a real clock, records that are late end the waveform; outputs hold. */
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

/* A row without room in the buffer is an error only when it is due. */
static void a_row_is_not_late_before_its_time(void)
{
    const uint32_t room = OSC_READINGS / 2, period = 6000000;
    client_start(true, true);
    CHECK(begin_exchange(1, 1, 1, period, 10, 0, true) == E_NONE);
    put32(1);
    put32(0);
    record(room + 1, room + 1, ZERO);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(1);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    for (uint32_t n = 0; n < room; n++) {
        fake_pass(period);
        CHECK(urgent(T_HEARTBEAT) == E_NONE);
    }
    CHECK(client.rows == room && client.events[EV_FAILED] == 0);
    put32(1);
    put32(client.next_row);
    put32(0);
    CHECK(urgent(T_READ_ACK) == E_NONE);
    fake_pass(period);
    fake_settle();
    client_hear();
    CHECK(client.rows == room + 1 && client.events[EV_DONE] == 1);
}

/* Seconds in nanoseconds exceed 32 bits. */
static void converters_average_over_long_periods(void)
{
    client_start(true, false);
    fake.clock_hz = 1000;
    CHECK(begin_exchange(1, 1, 1, 5000, 10, 0, true) == E_NONE);
    put32(1);
    put32(0);
    record(1, 1, ZERO);
    CHECK(ask(T_SEGMENT, 1) == E_NONE);
    put32(1);
    CHECK(ask(T_TRIGGER, 0) == E_NONE);
    CHECK(client.rows == 1 && fake.period_ns == 5000000000u);
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
    waveform_streams();
    rows_wait_for_room();
    real_clock_does_not_wait();
    a_row_is_not_late_before_its_time();
    converters_average_over_long_periods();
    abort_holds();
    repeats_must_fit_together();
    printf("waveforms: all is well\n");
    return 0;
}
