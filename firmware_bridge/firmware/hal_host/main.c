/* The firmware as a process, with an array behind its converters. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#endif
#include <stdio.h>
#include <time.h>
#ifdef _WIN32
#include <windows.h>
#endif

#include "device.h"
#include "hal.h"
#include "line.h"
#include "options.h"
#include "outputs.h"
#include "plant.h"

static struct options options;
static struct bank banks[4];
static struct board board = {.flags = BOARD_PLANT | BOARD_INTERLOCKS | BOARD_READBACK,
                             .clock_hz = 1000000000,
                             .firmware = "oscilab host 1.0",
                             .banks = 4,
                             .bank = banks};
static uint64_t sample_ns, began_ns;
static FILE *record;

static uint64_t wall_ns(void)
{
#ifdef _WIN32
    LARGE_INTEGER now, second;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&second);
    uint64_t ticks = (uint64_t)now.QuadPart, each = (uint64_t)second.QuadPart;
    return ticks / each * 1000000000u + ticks % each * 1000000000u / each;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

const struct board *hal_board(void)
{
    return &board;
}

uint32_t hal_wall_ms(void)
{
    return (uint32_t)(wall_ns() / 1000000);
}

uint64_t hal_time_ns(void)
{
    return options.real_time ? wall_ns() - began_ns : sample_ns;
}

bool hal_reached(uint64_t time_ns)
{
    uint64_t reached;
    if (options.real_time && hal_time_ns() < time_ns)
        return false;
    if (sample_ns >= time_ns)
        return true;
    bool there = plant_advance(sample_ns, time_ns, &reached);
    sample_ns = reached;
    return there;
}

void hal_put(uint16_t output, uint16_t code)
{
    plant_output(output, code);
    if (record)
        fprintf(record, "output %llu %llu %u %u\n", (unsigned long long)(wall_ns() / 1000),
                (unsigned long long)hal_time_ns(), output, code);
}

void hal_latch(void)
{
}

void hal_note(uint16_t event, uint16_t code)
{
    if (!record)
        return;
    fprintf(record, "event %llu %llu %u %u\n", (unsigned long long)(wall_ns() / 1000),
            (unsigned long long)hal_time_ns(), event, code);
    fflush(record);
}

void hal_read(const uint16_t *inputs, uint16_t count, uint16_t *codes, uint64_t period_ns)
{
    for (uint16_t n = 0; n < count; n++)
        codes[n] = plant_input(inputs[n], sample_ns, period_ns);
}

size_t hal_receive(uint8_t *bytes, size_t most)
{
    return line_receive(bytes, most);
}

size_t hal_send(const uint8_t *bytes, size_t count)
{
    return line_send(bytes, count);
}

void hal_idle(uint32_t ms)
{
    if (record)
        fflush(record);
    line_wait(ms);
}

uint16_t hal_plant(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                   struct fault *fault, uint8_t *answer, uint16_t *answer_length)
{
    return plant_message(type, payload, length, count, fault, answer, answer_length);
}

uint16_t hal_trouble(void)
{
    return plant_trouble();
}

static void build_board(void)
{
    struct bank analog = {.bits = 16, .lower_uV = -10240000, .step_nV = 312500, .top = 65535};
    struct bank digital = {.bits = 1, .step_nV = 1000000000, .top = 1};
    banks[0] = banks[2] = analog;
    banks[1] = banks[3] = digital;
    for (uint8_t n = 0; n < 4; n++)
        banks[n].kind = n;
    banks[0].channels = options.analog_out;
    banks[0].slew = options.slew;
    banks[0].power_on = 32768;
    banks[1].channels = options.digital_out;
    banks[2].channels = options.analog_in;
    banks[3].channels = options.digital_in;
    board.flags |= options.real_time ? 0 : BOARD_VIRTUAL_CLOCK;
    board.min_period = options.min_period_ns;
    board.update_us = options.update_us;
    board.serial = options.serial;
}

int main(int count, char **words)
{
    uint32_t looked = 0;
    if (!options_read(&options, count, words))
        return 2;
    if (options.log && !(record = fopen(options.log, "w"))) {
        fprintf(stderr, "oscilab-firmware: %s cannot be written\n", options.log);
        return 2;
    }
    build_board();
    began_ns = wall_ns();
    plant_start();
    device_start();
    if (!(options.pty ? line_open_pty() : line_open_tcp(options.tcp)))
        return 4;
    for (;;) {
        bool busy = device_poll();
        /* Even a wait of 0 ms accepts another host. */
        hal_idle(busy ? 0 : 1);
        uint32_t now = hal_wall_ms();
        if (options.child && now - looked >= 50) {
            looked = now;
            if (line_orphaned())
                return 0;
        }
    }
}
