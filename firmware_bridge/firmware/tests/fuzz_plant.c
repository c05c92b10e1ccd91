/* Any plant that a host may describe is refused, or can be moved and read without errors. */
#include <string.h>

#include "bytes.h"
#include "fake.h"
#include "hal.h"
#include "outputs.h"
#include "plant.h"

extern uint64_t sample_ns;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t answer[8], total[4];
    uint16_t length;
    struct fault fault;
    /* Four monomials of eight bytes each. */
    if (size < 88)
        return 0;
    sample_ns = 0;
    outputs_start();
    plant_start();
    if (plant_message(T_PLANT_SETUP, data, 56, 0, &fault, answer, &length) != E_NONE)
        return 0;
    if (plant_message(T_PLANT_TERMS, data + 56, 0, 4, &fault, answer, &length) != E_NONE)
        return 0;
    uint16_t count = (uint16_t)((size - 88) / 20 < 200 ? (size - 88) / 20 : 200);
    if (plant_message(T_PLANT_LINES, data + 88, 0, count, &fault, answer, &length) != E_NONE)
        return 0;
    put_u32(total, count);
    if (plant_message(T_PLANT_START, total, 4, 0, &fault, answer, &length) != E_NONE)
        return 0;
    /* The remaining bytes are codes for the outputs. */
    for (uint16_t n = 0; n < 33; n++)
        plant_output(n, n == 32 ? data[0] & 1 : get_u16(data + n));
    for (int n = 0; n < 3; n++) {
        uint64_t reached;
        uint16_t codes[17], inputs[17];
        for (uint16_t k = 0; k < 17; k++)
            inputs[k] = k;
        plant_advance(sample_ns, sample_ns + 1000, &reached);
        CHECK(reached > sample_ns && reached <= sample_ns + 1000);
        sample_ns = reached;
        hal_read(inputs, 17, codes, 1000);
        CHECK(codes[16] <= 1);
        plant_output(32, n & 1);
    }
    return 0;
}
