/* The reason of a refusal, with the fields of an ERROR message. */
#ifndef OSC_FAULT_H
#define OSC_FAULT_H

#include <stdint.h>

#include "wire.h"

struct fault {
    uint16_t code;
    uint16_t channel;
    int32_t value, lower, upper;
    uint32_t item;
};

static inline int32_t fault_number(uint32_t value)
{
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static inline uint16_t refuse(struct fault *fault, uint16_t code)
{
    *fault = (struct fault){.code = code, .channel = WIRE_NO_CHANNEL};
    return code;
}

static inline uint16_t refuse_channel(struct fault *fault, uint16_t code, uint16_t channel)
{
    *fault = (struct fault){.code = code, .channel = channel};
    return code;
}

static inline uint16_t refuse_value(struct fault *fault, uint16_t code, uint32_t value,
                                    uint32_t lower, uint32_t upper)
{
    *fault = (struct fault){.code = code,
                            .channel = WIRE_NO_CHANNEL,
                            .value = fault_number(value),
                            .lower = fault_number(lower),
                            .upper = fault_number(upper)};
    return code;
}

#endif
