/* State shared by the parts of the device. */
#ifndef OSC_STATE_H
#define OSC_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "fault.h"
#include "frame.h"
#include "guard.h"

enum under_way { NOTHING, STATIC, PAUSE, READ };

struct device {
    uint32_t session; /* 0 if none is open */
    uint16_t expected, hello, own;
    uint32_t bad_frames, repeated;
    struct tripped trip;
    bool ramping;
    /* A command that takes time. */
    struct {
        enum under_way what;
        uint16_t failed; /* why it ends early */
        struct header header;
        uint64_t due_ns;
        uint16_t first, count, samples, done;
        uint16_t list[OSC_OUTPUTS > OSC_INPUTS ? OSC_OUTPUTS : OSC_INPUTS];
    } wait;
    /* Events that wait for room in the transmit buffer. */
    uint8_t ending; /* EV_DONE, EV_ABORTED or EV_FAILED */
    bool tell_trip, tell_safe;
    uint32_t credit_told, reported_ms;
};

extern struct device device;

/* listening.c: drop a partial frame; take bytes from the host while answers have room, and return
 * true if some are left. */
void listen_start(void);
bool listen_on(void);
/* commands.c: carry out a command; return E_NONE once it was answered or is in progress. */
uint16_t command_do(const struct header *header, const uint8_t *payload, struct fault *fault);
/* waiting.c: continue a command that takes time, or end it with an error. */
void waiting_go_on(void);
void waiting_end(uint16_t code);
/* report.c: the device's own messages, and the status. */
uint16_t report_status(uint8_t *payload);
bool report_go_on(bool idle);
void report_ending(uint8_t event);

/* Return E_NONE if outputs may be driven now. */
uint16_t may_drive(struct fault *fault);
/* Start the ramp to the safe values from the present levels. */
void device_ramp(void);
void device_trip(struct tripped trip);

#endif
