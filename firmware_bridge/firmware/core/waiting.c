/* Commands that take time: static updates, pauses, readings. */
#include "bytes.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "state.h"

static void done(uint16_t count, uint16_t length)
{
    device.wait.what = NOTHING;
    link_send_answer(&device.wait.header, device.wait.header.type | T_ANSWER, count, length);
}

static void refused(uint16_t code)
{
    struct fault fault;
    device.wait.what = NOTHING;
    refuse(&fault, code);
    uint16_t length =
        link_error(link_answer(), device.wait.header.type, &fault, device.expected);
    link_send_answer(&device.wait.header, T_ERROR, 0, length);
}

static void go_on_reading(void)
{
    const struct board *board = hal_board();
    uint64_t period = 1000000000ull * board->min_period / board->clock_hz;
    uint16_t inputs = device.wait.count;
    uint16_t codes[OSC_INPUTS];
    while (device.wait.done < device.wait.samples) {
        if (!hal_reached(device.wait.due_ns))
            return;
        hal_read(device.wait.list, inputs, codes, period);
        uint8_t *at = link_answer() + 4 + 2u * inputs * device.wait.done;
        for (uint16_t n = 0; n < inputs; n++)
            put_u16(at + 2u * n, codes[n]);
        device.wait.done++;
        device.wait.due_ns += period;
    }
    uint16_t numbers = (uint16_t)(device.wait.samples * inputs);
    put_u16(link_answer(), device.wait.samples);
    put_u16(link_answer() + 2, inputs);
    if (hal_trouble() != E_NONE)
        refused(hal_trouble());
    else
        done(numbers, (uint16_t)(4 + 2u * numbers));
}

static void go_on_static(void)
{
    for (uint16_t n = 0; n < device.wait.count; n++)
        outputs_put((uint16_t)(device.wait.first + n), device.wait.list[n]);
    outputs_latch();
    done(0, 0);
}

void waiting_go_on(void)
{
    if (device.wait.what == NOTHING || !link_room())
        return;
    if (device.wait.failed != E_NONE)
        refused(device.wait.failed);
    else if (device.wait.what == READ)
        go_on_reading();
    else if (!hal_reached(device.wait.due_ns))
        return;
    else if (device.wait.what == STATIC)
        go_on_static();
    else
        done(0, 0);
}

void waiting_end(uint16_t code)
{
    if (device.wait.what != NOTHING)
        device.wait.failed = code;
}
