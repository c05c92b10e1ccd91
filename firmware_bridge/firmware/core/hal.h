/* What a port supplies. The core calls these from one thread of execution, never from an interrupt. */
#ifndef OSC_HAL_H
#define OSC_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* A row of like channels. */
struct bank {
    uint8_t kind;
    uint8_t bits;
    uint16_t channels;
    int32_t lower_uV;
    uint32_t step_nV;
    float slew; /* volts per second */
    uint16_t top;
    uint16_t power_on;
};

struct board {
    uint32_t flags;
    uint32_t clock_hz;
    uint32_t min_period;
    uint32_t update_us;
    const char *firmware;
    const char *serial;
    uint16_t banks;
    const struct bank *bank;
};

const struct board *hal_board(void);

/* Milliseconds of real time, for the watchdog; wraps. */
uint32_t hal_wall_ms(void);

/* The sample clock. */
uint64_t hal_time_ns(void);

/* Whether the sample clock has come to that time. A virtual clock moves there, as far as it gets in
 * about a millisecond; a real one is asked again and again. */
bool hal_reached(uint64_t time_ns);

/* Put one output at a code; all that was put since the last latch takes effect with it, together. */
void hal_put(uint16_t output, uint16_t code);
void hal_latch(void);

/* Convert the inputs named, at this instant of the sample clock. `period_ns` is the time over which
 * a converter may average. */
void hal_read(const uint16_t *inputs, uint16_t count, uint16_t *codes, uint64_t period_ns);

/* Bytes from and to the host; both return at once, with how many there were. */
size_t hal_receive(uint8_t *bytes, size_t most);
size_t hal_send(const uint8_t *bytes, size_t count);

/* Wait for bytes from the host, or for so long. */
void hal_idle(uint32_t ms);

/* Messages about a simulated plant; a port without one says E_PLANT. `answer` takes 8 bytes. */
uint16_t hal_plant(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                   struct fault *fault, uint8_t *answer, uint16_t *answer_length);

/* E_NONE, or why what the inputs show means nothing (E_PLANT). */
uint16_t hal_trouble(void);

/* For a log, where a port keeps one. */
void hal_note(uint16_t event, uint16_t code);

#endif
