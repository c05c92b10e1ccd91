/* The firmware on a Cortex-M4F with an array behind its converters, under a virtual clock. */
#include "an386.h"
#include "device.h"
#include "hal.h"
#include "plant.h"

static const struct bank banks[] = {
    {ANALOG_OUT, 16, 1192, -10240000, 312500, 1e7f, 65535, 32768},
    {DIGITAL_OUT, 1, 8, 0, 1000000000, 0, 1, 0},
    {ANALOG_IN, 16, 504, -10240000, 312500, 0, 65535, 0},
    {DIGITAL_IN, 1, 8, 0, 1000000000, 0, 1, 0},
};
static const struct board board = {
    BOARD_VIRTUAL_CLOCK | BOARD_PLANT | BOARD_INTERLOCKS | BOARD_READBACK,
    1000000000, 10000, 1000, "oscilab m4f 1.0", "an386", 4, banks,
};
static uint64_t sample_ns;

const struct board *hal_board(void)
{
    return &board;
}

uint32_t hal_wall_ms(void)
{
    return milliseconds;
}

uint64_t hal_time_ns(void)
{
    return sample_ns;
}

bool hal_reached(uint64_t time_ns)
{
    uint64_t reached;
    if (sample_ns >= time_ns)
        return true;
    bool there = plant_advance(sample_ns, time_ns, &reached);
    sample_ns = reached;
    return there;
}

void hal_put(uint16_t output, uint16_t code)
{
    plant_output(output, code);
}

void hal_latch(void)
{
}

void hal_read(const uint16_t *inputs, uint16_t count, uint16_t *codes, uint64_t period_ns)
{
    for (uint16_t n = 0; n < count; n++)
        codes[n] = plant_input(inputs[n], sample_ns, period_ns);
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

void hal_note(uint16_t event, uint16_t code)
{
    (void)event, (void)code;
}

int main(void)
{
    uart_start();
    plant_start();
    device_start();
    for (;;)
        hal_idle(device_poll() ? 0 : 1);
}
