/* Records of a waveform, in a ring: eaten as they are played, or kept for repeats. */
#ifndef OSC_STORE_H
#define OSC_STORE_H

#include <stdbool.h>
#include <stdint.h>

struct record {
    uint32_t samples, read;
    bool holds; /* levels as before */
    uint32_t at; /* where its codes are */
};

void store_clear(bool keep);
uint32_t store_free(void);
uint32_t store_size(void);
/* Where the next byte goes; put so many bytes, which must fit. */
uint32_t store_end(void);
void store_put(const uint8_t *bytes, uint32_t count);
/* The next record, if it is there; one that was kept is there again after store_rewind(). */
bool store_next(uint16_t lines, struct record *record);
/* What was taken is played and may be overwritten, unless it is kept. */
void store_free_played(void);
void store_rewind(void);
uint16_t store_code(uint32_t at);

#endif
