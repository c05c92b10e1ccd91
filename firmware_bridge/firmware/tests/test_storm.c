/* A bad line: frames are damaged, cut, lost, doubled, joined and mixed with noise, both ways.
 *
 *     test_storm FRAMES [SEED]
 *
 * The host repeats frames until they are answered. The outputs must go through exactly the
 * requested levels, once each and in order, and every command must arrive. A CRC-32 passes one
 * damaged frame in 4e9, so with 1e6 damaged frames 1 in 4000 seeds fails.
 */
#include <string.h>

#include "bytes.h"
#include "client.h"

#define PERIOD 100000u
#define QUEUE 512u

/* Requested levels that were not seen yet, as output << 16 | code. */
static uint32_t wanted[QUEUE], wanted_in, wanted_out;
static uint16_t before[4];
static uint64_t noise = 1, frames, damaged, answers_lost;

static uint32_t dice(uint32_t sides)
{
    noise ^= noise << 13;
    noise ^= noise >> 7;
    noise ^= noise << 17;
    return (uint32_t)(noise >> 32) % sides;
}

static void want(uint16_t output, uint16_t code)
{
    CHECK(wanted_in - wanted_out < QUEUE);
    wanted[wanted_in++ % QUEUE] = (uint32_t)output << 16 | code;
}

static void watch(void)
{
    for (uint16_t n = 0; n < 4; n++) {
        if (fake.code[n] == before[n])
            continue;
        CHECK(wanted_in != wanted_out);
        CHECK(wanted[wanted_out++ % QUEUE] == ((uint32_t)n << 16 | fake.code[n]));
        before[n] = fake.code[n];
    }
}

static void feed_noise(void)
{
    uint8_t bytes[40];
    uint32_t count = dice(sizeof bytes);
    for (uint32_t n = 0; n < count; n++)
        bytes[n] = (uint8_t)dice(256);
    fake_feed(bytes, count);
}

/* Send one frame over the bad line. */
static void feed(const uint8_t *frame, size_t size)
{
    static uint8_t copy[FRAME_ENCODED];
    memcpy(copy, frame, size);
    frames++;
    uint32_t fate = dice(12);
    damaged += fate < 8;
    switch (fate) {
    case 0: /* bits are flipped */
        for (uint32_t n = 1 + dice(4); n; n--)
            copy[dice((uint32_t)size)] ^= (uint8_t)(1 << dice(8));
        break;
    case 1: /* the end is missing, with the delimiter */
        size = dice((uint32_t)size);
        break;
    case 2: /* the beginning is missing */
    {
        uint32_t cut = dice((uint32_t)size);
        memmove(copy, copy + cut, size - cut);
        size -= cut;
        break;
    }
    case 3: /* lost */
        return;
    case 4: /* doubled */
        fake_feed(copy, size);
        break;
    case 5: /* the end is missing, but not the delimiter */
        size = 1 + dice((uint32_t)size - 1);
        copy[size - 1] = 0;
        break;
    case 6: /* extra bytes in front */
        feed_noise();
        break;
    case 7: /* an extra byte in the middle */
    {
        uint32_t place = dice((uint32_t)size);
        memmove(copy + place + 1, copy + place, size - place - (size == FRAME_ENCODED));
        size += size < FRAME_ENCODED;
        break;
    }
    default:
        break;
    }
    fake_feed(copy, size);
}

/* Return whether an answer to this number arrived; answers are lost as well. */
static bool answered(uint16_t sequence, struct header *found)
{
    struct header header;
    const uint8_t *payload;
    bool seen = false;
    while (fake_next(&header, &payload)) {
        bool is_answer = header.type < T_READINGS && (header.type & T_ANSWER);
        bool refused = header.type == T_ERROR && get_u16(payload + 2) != E_SEQUENCE &&
                       get_u16(payload + 2) != E_BAD_FRAME;
        if (header.type == T_EVENT || !(is_answer || refused))
            continue;
        if (dice(6) == 0) {
            answers_lost++;
            continue;
        }
        CHECK(!refused);
        if (header.sequence == sequence) {
            seen = true;
            *found = header;
        }
    }
    return seen;
}

static void insist(uint8_t type, uint16_t count)
{
    static uint8_t encoded[FRAME_ENCODED];
    struct header header;
    uint16_t sequence = client.sequence++;
    size_t size = fake_frame(type, sequence, SESSION, count, client.payload, client.length,
                             encoded);
    client.length = 0;
    for (int tries = 0;; tries++) {
        static const uint8_t delimiter = 0;
        CHECK(tries < 200);
        /* Start with a delimiter, because the previous frame may have lost its own. */
        fake_feed(&delimiter, 1);
        feed(encoded, size);
        fake_settle();
        if (answered(sequence, &header)) {
            CHECK(header.type == (type | T_ANSWER));
            return;
        }
    }
}

static void update(uint32_t number)
{
    uint16_t code = (uint16_t)(ZERO - 150 + (int)(number * 37 % 300));
    want(0, code);
    put16(0);
    put16(0);
    put16(code);
    insist(T_SET_OUTPUTS, 1);
}

static void waveform(uint32_t number)
{
    uint32_t records = 2 * (1 + dice(40)), sent = 0;
    put32(number);
    put32(records);
    put32(1);
    put32(PERIOD);
    put32(10 * records);
    put16(1);
    put16(0);
    put16(1);
    insist(T_EXCHANGE, 1);
    while (sent < records) {
        uint32_t some = 1 + dice(records - sent < 10 ? records - sent : 10);
        put32(number);
        put32(sent);
        for (uint32_t n = sent; n < sent + some; n++) {
            put32(1 + dice(5));
            put32(0);
            put16((uint16_t)(ZERO + (n % 2 ? 0 : 1 + (int)(n % 31))));
            want(1, (uint16_t)(ZERO + (n % 2 ? 0 : 1 + (int)(n % 31))));
        }
        insist(T_SEGMENT, (uint16_t)some);
        sent += some;
    }
    put32(number);
    insist(T_TRIGGER, 0);
    CHECK(wanted_in == wanted_out);
}

int main(int count, char **words)
{
    uint64_t most = count > 1 ? strtoull(words[1], NULL, 10) : 10000;
    noise = count > 2 ? strtoull(words[2], NULL, 10) : 88172645463325252u;
    client_start(true, false);
    memcpy(before, fake.code, sizeof before);
    fake.on_latch = watch;
    uint32_t updates = 0, waveforms = 0;
    while (frames < most) {
        if (dice(20) == 0)
            waveform(++waveforms);
        else
            update(++updates);
        CHECK(wanted_in == wanted_out);
    }
    printf("%llu frames, %llu of them damaged, %llu answers lost: %u updates and %u waveforms, "
           "every level once and in order\n",
           (unsigned long long)frames, (unsigned long long)damaged,
           (unsigned long long)answers_lost, updates, waveforms);
    return 0;
}
