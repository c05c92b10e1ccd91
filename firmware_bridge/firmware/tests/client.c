#include "client.h"

#include <string.h>

#include "bytes.h"

struct client client;

void put16(uint16_t value)
{
    put_u16(client.payload + client.length, value);
    client.length = (uint16_t)(client.length + 2);
}

void put32(uint32_t value)
{
    put_u32(client.payload + client.length, value);
    client.length = (uint16_t)(client.length + 4);
}

void limit(uint16_t output, uint16_t lower, uint16_t upper, uint16_t safe, float slew)
{
    put16(output);
    put16(lower);
    put16(upper);
    put16(safe);
    put_f32(client.payload + client.length, slew);
    client.length = (uint16_t)(client.length + 4);
}

static void take_rows(const struct header *header, const uint8_t *payload)
{
    uint32_t first = get_u32(payload + 4);
    uint16_t inputs = get_u16(payload + 8);
    for (uint32_t n = 0; n < header->count; n++)
        for (uint32_t k = 0; k < inputs; k++)
            client.row[(first + n) % 4096][k] = get_u16(payload + 12 + 2 * (n * inputs + k));
    CHECK(first <= client.next_row);
    client.rows += header->count;
    client.next_row = first + header->count;
}

void client_hear(void)
{
    struct header header;
    const uint8_t *payload;
    while (fake_next(&header, &payload)) {
        if (header.type == T_READINGS) {
            if (!client.careless)
                take_rows(&header, payload);
        } else if (header.type == T_EVENT) {
            client.events[get_u16(payload)]++;
            memcpy(client.status, payload + 8, WIRE_STATUS);
        } else if (header.type != T_CREDIT) {
            client.answered = header;
            memcpy(client.answer, payload, header.length);
        }
    }
}

static uint16_t send(uint8_t type, uint16_t sequence, uint16_t count)
{
    static uint8_t encoded[FRAME_ENCODED];
    size_t size = fake_frame(type, sequence, SESSION, count, client.payload, client.length,
                             encoded);
    client.length = 0;
    client.answered.type = 0;
    fake_feed(encoded, size);
    fake_settle();
    client_hear();
    if (client.answered.type != T_ERROR)
        return E_NONE;
    return get_u16(client.answer + 2);
}

uint16_t ask(uint8_t type, uint16_t count)
{
    return send(type, client.sequence++, count);
}

uint16_t urgent(uint8_t type)
{
    return send(type, 0, 0);
}

void client_start(bool ready, bool real_clock)
{
    client.length = 0;
    client.rows = client.next_row = 0;
    memset(client.events, 0, sizeof client.events);
    fake_start();
    fake.real_clock = real_clock;
    /* Sequence numbers wrap soon. */
    client.sequence = 0xFFFE;
    put32(WIRE_MAGIC);
    put16(1);
    put16(1);
    CHECK(ask(T_HELLO, 0) == E_NONE);
    if (!ready)
        return;
    for (uint16_t n = 0; n < 3; n++)
        limit(n, ZERO - 6400, ZERO + 6400, ZERO, 100);
    limit(3, 0, 1, 1, 100);
    CHECK(ask(T_LIMITS, 4) == E_NONE);
    put32(1000);
    CHECK(ask(T_WATCHDOG, 0) == E_NONE);
}

uint16_t set_output(uint16_t output, uint16_t code)
{
    put16(output);
    put16(0);
    put16(code);
    return ask(T_SET_OUTPUTS, 1);
}

uint16_t begin_exchange(uint32_t exchange, uint32_t records, uint32_t repeats, uint32_t period,
                        uint32_t bytes, uint16_t output, bool reads)
{
    put32(exchange);
    put32(records);
    put32(repeats);
    put32(period);
    put32(bytes);
    put16(1);
    put16(reads ? 1 : 0);
    put16(output);
    if (reads)
        put16(0);
    return ask(T_EXCHANGE, reads ? 2 : 1);
}

void record(uint32_t samples, uint32_t read, int code)
{
    put32(code < 0 ? samples | WIRE_HOLD : samples);
    put32(read);
    if (code >= 0)
        put16((uint16_t)code);
}
