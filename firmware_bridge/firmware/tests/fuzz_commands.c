/* Good frames with any content. The input is a sequence of messages: type, flags, count u16, length
 * u8, payload. The first byte selects the clock; flags bit 1 makes time pass, bit 2 moves the
 * door. */
#include <string.h>

#include "bytes.h"
#include "client.h"

static void check_limits(void)
{
    /* client_start() allows -2 to 2 V on the analog outputs, which includes the power-on level. */
    for (int n = 0; n < 3; n++)
        CHECK(fake.code[n] >= ZERO - 6400 && fake.code[n] <= ZERO + 6400);
    CHECK(fake.code[3] <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    client_start(true, data[0] & 1);
    fake.on_latch = check_limits;
    client.careless = fake.hasty = true;
    for (size_t at = 1; at + 5 <= size;) {
        uint8_t type = data[at], flags = data[at + 1];
        uint16_t count = get_u16(data + at + 2);
        uint16_t length = data[at + 4];
        at += 5;
        length = length < size - at ? length : (uint16_t)(size - at);
        memcpy(client.payload, data + at, length);
        client.length = length;
        at += length;
        /* LIMITS would change the bounds that are checked here. */
        if (type == T_LIMITS)
            continue;
        if (flags & 2)
            fake_pass(1000000);
        if (flags & 4)
            fake.digital_in ^= 1;
        if (type == T_HELLO)
            continue;
        if (type >= T_HEARTBEAT && type < T_PLANT_SETUP)
            urgent(type);
        else if (ask(type, count) == E_BUSY)
            client.sequence--;
    }
    fake.on_latch = NULL;
    return 0;
}
