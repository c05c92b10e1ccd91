#include "random.h"

#include <math.h>

static uint32_t next(struct generator *generator)
{
    uint64_t old = generator->state;
    generator->state = old * 6364136223846793005ull + generator->stream;
    uint32_t shifted = (uint32_t)((old >> 18 ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return shifted >> turn | shifted << (-turn & 31);
}

void generator_seed(struct generator *generator, uint64_t seed, uint64_t stream)
{
    generator->state = 0;
    generator->stream = stream << 1 | 1;
    generator->has_spare = false;
    next(generator);
    generator->state += seed;
    next(generator);
}

/* Return a number from -1 to 1, in steps of 2^-23. */
static float uniform(struct generator *generator)
{
    return (float)(int32_t)(next(generator) >> 8) * (1.0f / 8388608.0f) - 1.0f;
}

float generator_normal(struct generator *generator)
{
    float x, y, square;
    if (generator->has_spare) {
        generator->has_spare = false;
        return generator->spare;
    }
    do {
        x = uniform(generator);
        y = uniform(generator);
        square = x * x + y * y;
    } while (square >= 1 || square <= 0);
    float scale = sqrtf(-2 * logf(square) / square);
    generator->spare = y * scale;
    generator->has_spare = true;
    return x * scale;
}
