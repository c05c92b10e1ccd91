/* Any bytes on the line: no frame without a CRC, no crash, no hang. */
#include <string.h>

#include "bytes.h"
#include "fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame_reader reader;
    static uint8_t copy[FRAME_ENCODED], again[FRAME_ENCODED + 32];
    struct header header;
    const uint8_t *payload;
    reader.filled = 0;
    reader.too_long = false;
    for (size_t n = 0; n < size; n++)
        if (frame_take(&reader, data[n], &header, &payload) == FRAME_GOOD)
            CHECK(header.length <= OSC_MAX_PAYLOAD);
    /* Encoding what was decoded gives the same bytes. */
    size_t count = size < sizeof copy ? size : sizeof copy;
    if (count == 0 || memchr(data, 0, count))
        return 0;
    memcpy(copy, data, count);
    size_t decoded = frame_decode(copy, count);
    if (decoded) {
        size_t encoded = frame_encode(copy, decoded, again);
        /* There is one alternative: a last block of 254 bytes, followed by an empty one. */
        CHECK(encoded == count + 1 || encoded == count);
        CHECK(memcmp(again, data, encoded - 1) == 0);
    }
    return 0;
}
