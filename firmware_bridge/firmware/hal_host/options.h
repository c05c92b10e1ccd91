/* The command line of the host port. */
#ifndef OSC_OPTIONS_H
#define OSC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *tcp;  /* HOST:PORT; port 0 is any free one */
    bool pty;
    const char *serial;
    const char *log;
    bool real_time;
    bool child;       /* ends when standard input does */
    uint16_t analog_out, digital_out, analog_in, digital_in;
    uint32_t update_us, min_period_ns;
    float slew;       /* volts per second */
};

/* Read the options; if they are invalid, print the reason and return false. */
bool options_read(struct options *options, int count, char **words);

#endif
