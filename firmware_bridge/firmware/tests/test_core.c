/* Frames, sessions and static outputs, beyond the golden transcripts. */
#include <string.h>

#include "bytes.h"
#include "client.h"

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

/* The start may be outside the limits; outputs then come back only step by step. */
static void outputs_come_back(void)
{
    client_start(true, false);
    CHECK(set_output(0, ZERO + 321) == E_NONE);
    limit(0, ZERO - 100, ZERO + 100, ZERO, 100);
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
    /* The watchdog of the earlier host is still active. */
    fake.wall_ms += 1000;
    fake_settle();
    CHECK(fake.code[0] == ZERO);
}

/* A host of another version is told so, and the present session is not affected. */
static void another_version_changes_nothing(void)
{
    static uint8_t encoded[FRAME_ENCODED], payload[8];
    client_start(true, false);
    put16(0);
    put16(4);
    CHECK(ask(T_GET_OUTPUTS, 0) == E_NONE);
    put_u32(payload, WIRE_MAGIC);
    put_u16(payload + 4, WIRE_VERSION + 1);
    put_u16(payload + 6, WIRE_VERSION + 2);
    fake_feed(encoded, fake_frame(T_HELLO, 9, SESSION + 1, 0, payload, 8, encoded));
    fake_settle();
    client_hear();
    CHECK(client.answered.type == (T_HELLO | T_ANSWER) && get_u16(client.answer + 4) == 0);
    CHECK(client.answered.session == SESSION + 1 && client.answered.sequence == 9);
    /* As if the previous answer had been lost. */
    client.sequence--;
    put16(0);
    put16(4);
    CHECK(ask(T_GET_OUTPUTS, 0) == E_NONE);
    CHECK(client.answered.type == (T_GET_OUTPUTS | T_ANSWER));
    CHECK(client.answered.session == SESSION && get_u16(client.answer + 4) == ZERO);
}

int main(void)
{
    frames_survive();
    outputs_come_back();
    a_new_host_needs_limits();
    another_version_changes_nothing();
    printf("core: all is well\n");
    return 0;
}
