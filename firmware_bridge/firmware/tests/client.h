/* A host in this process: it sends commands in order and keeps what came back. */
#ifndef OSC_CLIENT_H
#define OSC_CLIENT_H

#include "fake.h"

#define SESSION 0x1234u
#define ZERO 32768
/* A sample period in which 100 V/s are 32 codes. */
#define PERIOD 100000u

struct client {
    bool careless; /* ignores readings */
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

/* Power on and open a session; if `ready`, with limits of -2 to 2 V and 100 V/s, and a watchdog of
 * 1 s. */
void client_start(bool ready, bool real_clock);
/* Append fields to the next payload. */
void put16(uint16_t value);
void put32(uint32_t value);
/* Append an entry of LIMITS. */
void limit(uint16_t output, uint16_t lower, uint16_t upper, uint16_t safe, float slew);
/* Send a command with that payload and settle; return E_NONE, or the code of the refusal. */
uint16_t ask(uint8_t type, uint16_t count);
uint16_t urgent(uint8_t type);
/* Take the frames that the device sent, without acknowledging rows. */
void client_hear(void);

uint16_t set_output(uint16_t output, uint16_t code);
uint16_t begin_exchange(uint32_t exchange, uint32_t records, uint32_t repeats, uint32_t period,
                        uint32_t bytes, uint16_t output, bool reads);

/* Append a record with the level `code`, or that of the record before for -1. */
void record(uint32_t samples, uint32_t read, int code);

#endif
