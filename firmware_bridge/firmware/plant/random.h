/* The plant's random generator: PCG32 (O'Neill 2014, pcg-random.org, XSH-RR output). */
#ifndef OSC_RANDOM_H
#define OSC_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct generator {
    uint64_t state, stream;
    float spare;
    bool has_spare;
};

void generator_seed(struct generator *generator, uint64_t seed, uint64_t stream);
/* Return a normal number of zero mean and unit variance, by Marsaglia's polar method. */
float generator_normal(struct generator *generator);

#endif
