/* A host in this process: commands in order, and what came back. */
#ifndef OSC_CLIENT_H
#define OSC_CLIENT_H

#include "fake.h"

#define SESSION 0x1234u
#define ZERO 32768
/* A sample period in which 100 V/s are 32 codes. */
#define PERIOD 100000u

struct client {
    bool careless; /* looks at no readings */
    uint16_t sequence;
    uint8_t payload[OSC_MAX_PAYLOAD];
    uint16_t length, count;
    uint8_t answer[OSC_MAX_PAYLOAD];   /* of the last command */
    struct header answered;
    uint32_t rows, next_row;           /* of READINGS */
    uint16_t row[4096][4];
    uint16_t events[8];                /* how often each came */
    uint8_t status[WIRE_STATUS];       /* of the last event */
};

extern struct client client;

/* Power-on and a session; with limits of 100 V/s, -2 to 2 V, and a watchdog of 1 s if `ready`. */
void client_start(bool ready, bool real_clock);
/* Fields of the next payload, one after the other. */
void put16(uint16_t value);
void put32(uint32_t value);
/* An entry of LIMITS as the next fields. */
void limit(uint16_t output, uint16_t lower, uint16_t upper, uint16_t safe, float slew);
/* Send a command with that payload and settle: E_NONE, or the code of the refusal. */
uint16_t ask(uint8_t type, uint16_t count);
uint16_t urgent(uint8_t type);
/* Take what the device sent; rows are not acknowledged. */
void client_hear(void);

uint16_t set_output(uint16_t output, uint16_t code);
uint16_t begin_exchange(uint32_t exchange, uint32_t records, uint32_t repeats, uint32_t period,
                        uint32_t bytes, uint16_t output, bool reads);

/* A record as the next field, with the level `code`, or with that of the record before if -1. */
void record(uint32_t samples, uint32_t read, int code);

#endif
