/* Frames: COBS, CRC-32 and the header. */
#ifndef OSC_FRAME_H
#define OSC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "wire.h"

#define FRAME_BODY (WIRE_HEADER + OSC_MAX_PAYLOAD + 4u)
/* COBS adds one byte, and one per 254; then comes the delimiter. */
#define FRAME_ENCODED (FRAME_BODY + FRAME_BODY / 254u + 2u)

struct header {
    uint8_t version, type;
    uint16_t sequence;
    uint32_t session;
    uint64_t time_ns;
    uint16_t count, length;
};

/* Collects bytes until a frame is complete. */
struct frame_reader {
    uint8_t bytes[FRAME_ENCODED];
    size_t filled;
    bool too_long;
};

enum frame_found { FRAME_NONE, FRAME_GOOD, FRAME_BAD };

uint32_t frame_crc(const uint8_t *bytes, size_t count);

/* Decode COBS in place; return the decoded length, or 0 if the code is invalid. */
size_t frame_decode(uint8_t *bytes, size_t count);

/* Encode `count` bytes by COBS, with the delimiter; return the encoded length. */
size_t frame_encode(const uint8_t *bytes, size_t count, uint8_t *encoded);

/* Take one byte. After FRAME_GOOD the header is valid and the payload is at `*payload` until the
 * next byte. */
enum frame_found frame_take(struct frame_reader *reader, uint8_t byte, struct header *header,
                            const uint8_t **payload);

/* Encode a frame from `body`, which has room for the header before the payload and the CRC after
 * it; return the encoded length. */
size_t frame_build(const struct header *header, uint8_t *body, uint8_t *encoded);

#endif
