/* A board with 32 outputs, a switch and 16 inputs, and no line to a host. */
#include "hal.h"
#include "plant.h"

uint64_t sample_ns;

static const struct bank banks[] = {
    {ANALOG_OUT, 16, 32, -10240000, 312500, 1e7f, 65535, 32768},
    {DIGITAL_OUT, 1, 1, 0, 1000000000, 0, 1, 0},
    {ANALOG_IN, 16, 16, -10240000, 312500, 0, 65535, 0},
    {DIGITAL_IN, 1, 1, 0, 1000000000, 0, 1, 0},
};
static const struct board board = {BOARD_VIRTUAL_CLOCK | BOARD_PLANT, 1000000000, 1000, 1000,
                                   "plant", "plant", 4, banks};

const struct board *hal_board(void)
{
    return &board;
}

uint32_t hal_wall_ms(void)
{
    return 0;
}

uint64_t hal_time_ns(void)
{
    return sample_ns;
}

bool hal_reached(uint64_t time_ns)
{
    uint64_t reached;
    while (sample_ns < time_ns) {
        plant_advance(sample_ns, time_ns, &reached);
        sample_ns = reached;
    }
    return true;
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

size_t hal_receive(uint8_t *bytes, size_t most)
{
    (void)bytes, (void)most;
    return 0;
}

size_t hal_send(const uint8_t *bytes, size_t count)
{
    (void)bytes;
    return count;
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
