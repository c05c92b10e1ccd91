/* The device of the golden transcripts: four outputs and three inputs, in this process. */
#ifndef OSC_FAKE_H
#define OSC_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"

struct fake {
    bool real_clock;     /* time passes only by fake_pass() */
    bool hasty;          /* fake_settle() does not wait for the end of long waveforms */
    uint64_t time_ns;
    uint32_t wall_ms;
    uint32_t clock_hz, update_us;
    uint64_t period_ns;  /* over which the last reading may average */
    uint16_t digital_in; /* what the digital input reads */
    uint16_t code[4];    /* codes of the converters since the last latch */
    uint32_t latches;    /* that changed something */
    void (*on_latch)(void);
    uint8_t in[1 << 16], out[1 << 18];
    size_t in_begin, in_end, out_end;
};

extern struct fake fake;

/* Power-on. */
void fake_start(void);
/* Bytes from the host. */
void fake_feed(const uint8_t *bytes, size_t count);
/* Poll until the device has nothing more to do. */
void fake_settle(void);
void fake_pass(uint64_t ns);
/* Encode a frame of the host with its last delimiter; return its length. */
size_t fake_frame(uint8_t type, uint16_t sequence, uint32_t session, uint16_t count,
                  const uint8_t *payload, uint16_t length, uint8_t *encoded);
/* Get the next frame that the device sent; return false if there is none. */
bool fake_next(struct header *header, const uint8_t **payload);

#define CHECK(what)                                                                     \
    do {                                                                                \
        if (!(what)) {                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                  \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

#endif
