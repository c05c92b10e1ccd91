/* A ring of waveform records, freed as they are played or kept for repeats. */
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
/* The position of the next byte; append bytes, which must fit. */
uint32_t store_end(void);
void store_put(const uint8_t *bytes, uint32_t count);
/* Get the next record, if it is complete; store_rewind() starts again with kept records. */
bool store_next(uint16_t lines, struct record *record);
/* Free the records taken so far, unless they are kept. */
void store_free_played(void);
void store_rewind(void);
uint16_t store_code(uint32_t at);

#endif
