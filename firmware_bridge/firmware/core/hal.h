/* Functions of a port. The core calls them from one thread, never from an interrupt. */
#ifndef OSC_HAL_H
#define OSC_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* A group of equal channels. */
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

/* Return milliseconds of real time, for the watchdog; wraps. */
uint32_t hal_wall_ms(void);

/* Return the sample clock. */
uint64_t hal_time_ns(void);

/* Return whether the sample clock has reached that time. A virtual clock moves towards it for at
 * most about a millisecond of work; a real one is polled. */
bool hal_reached(uint64_t time_ns);

/* Write the code of one output. All codes since the last hal_latch() take effect at the next. */
void hal_put(uint16_t output, uint16_t code);
void hal_latch(void);

/* Convert the given inputs at the present time of the sample clock. A converter may average over
 * `period_ns`. */
void hal_read(const uint16_t *inputs, uint16_t count, uint16_t *codes, uint64_t period_ns);

/* Receive from and send to the host; both return at once with the number of bytes. */
size_t hal_receive(uint8_t *bytes, size_t most);
size_t hal_send(const uint8_t *bytes, size_t count);

/* Wait for bytes from the host, at most `ms`. */
void hal_idle(uint32_t ms);

/* Handle a message for a simulated plant. A port without one returns E_PLANT. `answer` has 8
 * bytes. */
uint16_t hal_plant(uint8_t type, const uint8_t *payload, uint16_t length, uint16_t count,
                   struct fault *fault, uint8_t *answer, uint16_t *answer_length);

/* Return E_NONE, or E_PLANT if readings are invalid. */
uint16_t hal_trouble(void);

/* Record an event in the port's log, if it has one. */
void hal_note(uint16_t event, uint16_t code);

#endif
