#include "fake.h"

#include <string.h>

#include "device.h"
#include "hal.h"

struct fake fake;
static uint16_t put[4];
static size_t out_begin;
static struct frame_reader host;

static const struct bank banks[] = {
    {ANALOG_OUT, 16, 3, -10240000, 312500, 1e6f, 65535, 32768},
    {DIGITAL_OUT, 1, 1, 0, 1000000000, 0, 1, 0},
    {ANALOG_IN, 16, 2, -10240000, 312500, 0, 65535, 0},
    {DIGITAL_IN, 1, 1, 0, 1000000000, 0, 1, 0},
};

const struct board *hal_board(void)
{
    static struct board board = {0, 0, 1000, 0, "oscilab 1.0", "golden", 4, banks};
    board.clock_hz = fake.clock_hz;
    board.update_us = fake.update_us;
    board.flags = BOARD_INTERLOCKS | BOARD_READBACK;
    board.flags |= fake.real_clock ? 0 : BOARD_VIRTUAL_CLOCK;
    return &board;
}

uint32_t hal_wall_ms(void)
{
    return fake.wall_ms;
}

uint64_t hal_time_ns(void)
{
    return fake.time_ns;
}

bool hal_reached(uint64_t time_ns)
{
    if (!fake.real_clock && fake.time_ns < time_ns)
        fake.time_ns = time_ns;
    return fake.time_ns >= time_ns;
}

void hal_put(uint16_t output, uint16_t code)
{
    CHECK(output < 4);
    put[output] = code;
}

void hal_latch(void)
{
    if (memcmp(fake.code, put, sizeof put) == 0)
        return;
    memcpy(fake.code, put, sizeof put);
    fake.latches++;
    if (fake.on_latch)
        fake.on_latch();
}

void hal_read(const uint16_t *inputs, uint16_t count, uint16_t *codes, uint64_t period_ns)
{
    if (period_ns)
        fake.period_ns = period_ns;
    for (uint16_t n = 0; n < count; n++) {
        CHECK(inputs[n] < 3);
        codes[n] = inputs[n] < 2 ? fake.code[inputs[n]] : fake.digital_in;
    }
}

size_t hal_receive(uint8_t *bytes, size_t most)
{
    size_t count = fake.in_end - fake.in_begin;
    count = count < most ? count : most;
    memcpy(bytes, fake.in + fake.in_begin, count);
    fake.in_begin += count;
    if (fake.in_begin == fake.in_end)
        fake.in_begin = fake.in_end = 0;
    return count;
}

size_t hal_send(const uint8_t *bytes, size_t count)
{
    CHECK(fake.out_end + count <= sizeof fake.out);
    memcpy(fake.out + fake.out_end, bytes, count);
    fake.out_end += count;
    return count;
}

void hal_idle(uint32_t ms)
{
    fake.wall_ms += ms;
}

uint16_t hal_plant(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                   struct fault *fault, uint8_t *answer, uint16_t *answer_length)
{
    (void)type, (void)payload, (void)length, (void)count, (void)answer, (void)answer_length;
    return refuse(fault, E_PLANT);
}

uint16_t hal_trouble(void)
{
    return E_NONE;
}

void hal_note(uint16_t event, uint16_t code)
{
    (void)event, (void)code;
}

void fake_start(void)
{
    fake.real_clock = fake.hasty = false;
    fake.clock_hz = 1000000000;
    fake.update_us = 1000;
    fake.period_ns = 0;
    fake.time_ns = 0;
    fake.wall_ms = fake.latches = 0;
    fake.on_latch = NULL;
    fake.in_begin = fake.in_end = fake.out_end = 0;
    host.filled = 0;
    host.too_long = false;
    out_begin = 0;
    fake.digital_in = 1;
    for (int n = 0; n < 3; n++)
        put[n] = fake.code[n] = 32768;
    put[3] = 0;
    device_start();
}

void fake_feed(const uint8_t *bytes, size_t count)
{
    CHECK(fake.in_end + count <= sizeof fake.in);
    memcpy(fake.in + fake.in_end, bytes, count);
    fake.in_end += count;
}

void fake_settle(void)
{
    int rounds = 0;
    while (device_poll() || fake.in_begin < fake.in_end) {
        /* With a real clock the device keeps polling while it waits for time to pass. */
        if ((fake.real_clock || fake.hasty) && fake.in_begin == fake.in_end && ++rounds > 100)
            break;
        CHECK(rounds++ < 10000000);
    }
    device_poll();
}

void fake_pass(uint64_t ns)
{
    fake.time_ns += ns;
    fake.wall_ms = (uint32_t)(fake.time_ns / 1000000);
}

size_t fake_frame(uint8_t type, uint16_t sequence, uint32_t session, uint16_t count,
                  const uint8_t *payload, uint16_t length, uint8_t *encoded)
{
    static uint8_t body[FRAME_BODY];
    struct header header = {WIRE_VERSION, type, sequence, session, 0, count, length};
    if (length)
        memcpy(body + WIRE_HEADER, payload, length);
    return frame_build(&header, body, encoded);
}

bool fake_next(struct header *header, const uint8_t **payload)
{
    while (out_begin < fake.out_end) {
        enum frame_found found = frame_take(&host, fake.out[out_begin++], header, payload);
        CHECK(found != FRAME_BAD);
        if (found == FRAME_GOOD)
            return true;
    }
    out_begin = fake.out_end = 0;
    return false;
}
