#include "link.h"

#include "bytes.h"
#include "hal.h"

/* One frame is sent while up to two are built, an answer and an event. */
#define TX (3u * FRAME_ENCODED)

struct message {
    uint8_t body[FRAME_BODY];
};

static struct {
    struct message answer, own;
    struct header answered;
    uint8_t encoded[FRAME_ENCODED];
    uint8_t tx[TX];
    uint32_t begin, filled;
} out;

void link_start(void)
{
    out.begin = out.filled = 0;
}

bool link_room(void)
{
    return TX - out.filled >= 2 * FRAME_ENCODED;
}

bool link_flush(void)
{
    while (out.filled) {
        uint32_t run = TX - out.begin < out.filled ? TX - out.begin : out.filled;
        uint32_t sent = (uint32_t)hal_send(out.tx + out.begin, run);
        out.begin = (out.begin + sent) % TX;
        out.filled -= sent;
        if (sent < run)
            return true;
    }
    return false;
}

static void send(const struct header *header, struct message *message)
{
    uint32_t count = (uint32_t)frame_build(header, message->body, out.encoded);
    if (count > TX - out.filled)
        return; /* cannot happen after link_room(); a host would ask again */
    uint32_t place = (out.begin + out.filled) % TX;
    uint32_t first = count < TX - place ? count : TX - place;
    memcpy(out.tx + place, out.encoded, first);
    memcpy(out.tx, out.encoded + first, count - first);
    out.filled += count;
    link_flush();
}

uint8_t *link_answer(void)
{
    return out.answer.body + WIRE_HEADER;
}

void link_send_answer(const struct header *header, uint8_t type, uint16_t count, uint16_t length)
{
    out.answered = (struct header){.version = WIRE_VERSION,
                                   .type = type,
                                   .sequence = header->sequence,
                                   .session = header->session,
                                   .count = count,
                                   .length = length};
    link_repeat_answer();
}

void link_repeat_answer(void)
{
    out.answered.time_ns = hal_time_ns();
    send(&out.answered, &out.answer);
}

uint8_t *link_own(void)
{
    return out.own.body + WIRE_HEADER;
}

void link_send_own(uint32_t session, uint8_t type, uint16_t sequence, uint16_t count,
                   uint16_t length)
{
    struct header header = {.version = WIRE_VERSION,
                            .type = type,
                            .sequence = sequence,
                            .session = session,
                            .time_ns = hal_time_ns(),
                            .count = count,
                            .length = length};
    send(&header, &out.own);
}

uint16_t link_error(uint8_t *payload, uint8_t refused, const struct fault *fault,
                    uint16_t expected)
{
    payload[0] = refused;
    payload[1] = 0;
    put_u16(payload + 2, fault->code);
    put_u16(payload + 4, fault->channel);
    put_u16(payload + 6, expected);
    put_u32(payload + 8, (uint32_t)fault->value);
    put_u32(payload + 12, (uint32_t)fault->lower);
    put_u32(payload + 16, (uint32_t)fault->upper);
    put_u32(payload + 20, fault->item);
    return 24;
}
