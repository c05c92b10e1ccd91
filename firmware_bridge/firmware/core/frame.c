#include "frame.h"

#include "bytes.h"

uint32_t frame_crc(const uint8_t *bytes, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t n = 0; n < count; n++) {
        crc ^= bytes[n];
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

size_t frame_decode(uint8_t *bytes, size_t count)
{
    size_t from = 0, to = 0;
    while (from < count) {
        uint8_t code = bytes[from++];
        size_t run = (size_t)code - 1;
        if (code == 0 || run > count - from)
            return 0;
        for (size_t n = 0; n < run; n++) {
            if (bytes[from] == 0)
                return 0;
            bytes[to++] = bytes[from++];
        }
        if (code != 0xFF && from < count)
            bytes[to++] = 0;
    }
    return to;
}

size_t frame_encode(const uint8_t *bytes, size_t count, uint8_t *encoded)
{
    size_t code = 0, to = 1;
    for (size_t n = 0; n < count; n++) {
        if (bytes[n] != 0)
            encoded[to++] = bytes[n];
        bool full = to - code == 0xFF;
        if (bytes[n] == 0 || (full && n + 1 < count)) {
            encoded[code] = (uint8_t)(to - code);
            code = to++;
        }
    }
    encoded[code] = (uint8_t)(to - code);
    encoded[to++] = 0;
    return to;
}

static enum frame_found look(struct frame_reader *reader, struct header *header,
                             const uint8_t **payload)
{
    size_t count = frame_decode(reader->bytes, reader->filled);
    if (count < WIRE_HEADER + 4)
        return FRAME_BAD;
    const uint8_t *at = reader->bytes;
    if (frame_crc(at, count - 4) != get_u32(at + count - 4))
        return FRAME_BAD;
    header->version = at[0];
    header->type = at[1];
    header->sequence = get_u16(at + 2);
    header->session = get_u32(at + 4);
    header->time_ns = get_u64(at + 8);
    header->count = get_u16(at + 16);
    header->length = get_u16(at + 18);
    *payload = at + WIRE_HEADER;
    bool fits = header->length == count - WIRE_HEADER - 4 && header->length <= OSC_MAX_PAYLOAD;
    return fits ? FRAME_GOOD : FRAME_BAD;
}

enum frame_found frame_take(struct frame_reader *reader, uint8_t byte, struct header *header,
                            const uint8_t **payload)
{
    if (byte != 0) {
        if (reader->filled < sizeof reader->bytes)
            reader->bytes[reader->filled++] = byte;
        else
            reader->too_long = true;
        return FRAME_NONE;
    }
    enum frame_found found = FRAME_NONE;
    if (reader->too_long)
        found = FRAME_BAD;
    else if (reader->filled > 0)
        found = look(reader, header, payload);
    reader->filled = 0;
    reader->too_long = false;
    return found;
}

size_t frame_build(const struct header *header, uint8_t *body, uint8_t *encoded)
{
    body[0] = header->version;
    body[1] = header->type;
    put_u16(body + 2, header->sequence);
    put_u32(body + 4, header->session);
    put_u64(body + 8, header->time_ns);
    put_u16(body + 16, header->count);
    put_u16(body + 18, header->length);
    size_t count = WIRE_HEADER + header->length;
    put_u32(body + count, frame_crc(body, count));
    return frame_encode(body, count + 4, encoded);
}
