#include "readings.h"

#include "config.h"

#define CODES (OSC_READINGS / 2u)

/* There are `capacity` places for rows, so that a row never wraps. */
static struct {
    uint16_t codes[CODES];
    uint32_t inputs, capacity;
    uint32_t rows, acknowledged, sent;
} kept;

void readings_clear(uint16_t inputs)
{
    kept.inputs = inputs;
    kept.capacity = inputs ? CODES / inputs : 0;
    kept.rows = kept.acknowledged = kept.sent = 0;
}

bool readings_room(void)
{
    return kept.inputs == 0 || kept.rows - kept.acknowledged < kept.capacity;
}

static uint32_t place(uint32_t row)
{
    return row % kept.capacity * kept.inputs;
}

uint16_t *readings_row(void)
{
    return kept.codes + (kept.capacity ? place(kept.rows) : 0);
}

void readings_add(void)
{
    kept.rows++;
    /* Rows without inputs are not sent. */
    if (kept.inputs == 0)
        kept.acknowledged = kept.sent = kept.rows;
}

uint32_t readings_rows(void)
{
    return kept.rows;
}

void readings_forget(uint32_t row)
{
    if (row <= kept.rows && row > kept.acknowledged)
        kept.acknowledged = row;
    if (kept.sent < kept.acknowledged)
        kept.sent = kept.acknowledged;
}

uint32_t readings_unsent(void)
{
    return kept.rows - kept.sent;
}

void readings_send_from(uint32_t row)
{
    if (row >= kept.acknowledged && row <= kept.rows)
        kept.sent = row;
}

uint32_t readings_first_unsent(void)
{
    return kept.sent;
}

const uint16_t *readings_at(uint32_t row)
{
    return kept.codes + place(row);
}
