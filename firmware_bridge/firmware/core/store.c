#include "store.h"

#include "bytes.h"
#include "config.h"
#include "wire.h"

/* Byte counts since the store was cleared; positions are counts modulo OSC_STORE. */
static struct {
    uint8_t bytes[OSC_STORE];
    uint32_t head, tail, next;
    bool keep;
} store;

_Static_assert((OSC_STORE & (OSC_STORE - 1)) == 0, "places wrap with the counts");

void store_clear(bool keep)
{
    store.head = store.tail = store.next = 0;
    store.keep = keep;
}

uint32_t store_free(void)
{
    return OSC_STORE - (store.head - store.tail);
}

uint32_t store_size(void)
{
    return OSC_STORE;
}

uint32_t store_end(void)
{
    return store.head;
}

void store_put(const uint8_t *bytes, uint32_t count)
{
    uint32_t place = store.head % OSC_STORE;
    uint32_t first = count < OSC_STORE - place ? count : OSC_STORE - place;
    memcpy(store.bytes + place, bytes, first);
    memcpy(store.bytes, bytes + first, count - first);
    store.head += count;
}

static uint16_t pair(uint32_t at)
{
    return (uint16_t)(store.bytes[at % OSC_STORE] |
                      (uint32_t)store.bytes[(at + 1) % OSC_STORE] << 8);
}

static uint32_t word(uint32_t at)
{
    return pair(at) | (uint32_t)pair(at + 2) << 16;
}

bool store_next(uint16_t lines, struct record *record)
{
    if (store.next == store.head)
        return false;
    uint32_t samples = word(store.next);
    record->samples = samples & ~WIRE_HOLD;
    record->read = word(store.next + 4);
    record->holds = (samples & WIRE_HOLD) != 0;
    record->at = store.next + 8;
    store.next = record->at + (record->holds ? 0 : 2u * lines);
    return true;
}

void store_free_played(void)
{
    if (!store.keep)
        store.tail = store.next;
}

void store_rewind(void)
{
    store.next = 0;
}

uint16_t store_code(uint32_t at)
{
    return pair(at);
}
