#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static const char usage[] =
    "usage: oscilab-firmware [--tcp HOST:PORT | --pty] [options]\n"
    "  --tcp HOST:PORT      listen there; port 0 is any that is free (default 127.0.0.1:0)\n"
    "  --pty                make a pseudo-terminal instead (not on Windows)\n"
    "  --analog-outputs N   16 bits, -10.24 V in steps of 312.5 uV (default 24)\n"
    "  --digital-outputs N  (default 1)\n"
    "  --analog-inputs N    like the outputs (default 16)\n"
    "  --digital-inputs N   (default 1)\n"
    "  --update-us N        what a static update takes (default 1000)\n"
    "  --min-period-ns N    the shortest sample period (default 10000)\n"
    "  --slew V             volts per second that outputs can follow (default 1e7)\n"
    "  --real-time          sample clock is this computer's, instead of as fast as it can\n"
    "  --serial TEXT        the device's number (default host)\n"
    "  --log FILE           write down every change of an output, and what the guard did\n"
    "  --child              end when standard input ends\n";

static bool number(const char *text, double least, double most, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (end != text && *end == 0 && *value >= least && *value <= most)
        return true;
    fprintf(stderr, "oscilab-firmware: %s is not a number from %g to %g\n", text, least, most);
    return false;
}

static bool take_number(struct options *options, const char *name, const char *text)
{
    double value;
    const double channels = strstr(name, "outputs") ? OSC_OUTPUTS / 2 : OSC_INPUTS / 2;
    if (strcmp(name, "--slew") == 0) {
        bool good = number(text, 1e-3, 1e12, &value);
        options->slew = (float)value;
        return good;
    }
    bool time = strcmp(name, "--update-us") == 0 || strcmp(name, "--min-period-ns") == 0;
    if (!number(text, time ? 1 : 0, time ? 1e9 : channels, &value))
        return false;
    if (strcmp(name, "--analog-outputs") == 0)
        options->analog_out = (uint16_t)value;
    else if (strcmp(name, "--digital-outputs") == 0)
        options->digital_out = (uint16_t)value;
    else if (strcmp(name, "--analog-inputs") == 0)
        options->analog_in = (uint16_t)value;
    else if (strcmp(name, "--digital-inputs") == 0)
        options->digital_in = (uint16_t)value;
    else if (strcmp(name, "--update-us") == 0)
        options->update_us = (uint32_t)value;
    else if (strcmp(name, "--min-period-ns") == 0)
        options->min_period_ns = (uint32_t)value;
    else
        return false;
    return true;
}

static bool take_flag(struct options *options, const char *name)
{
    if (strcmp(name, "--pty") == 0)
        options->pty = true;
    else if (strcmp(name, "--real-time") == 0)
        options->real_time = true;
    else if (strcmp(name, "--child") == 0)
        options->child = true;
    else
        return false;
    return true;
}

bool options_read(struct options *options, int count, char **words)
{
    *options = (struct options){.tcp = "127.0.0.1:0",
                                .serial = "host",
                                .analog_out = 24,
                                .digital_out = 1,
                                .analog_in = 16,
                                .digital_in = 1,
                                .update_us = 1000,
                                .min_period_ns = 10000,
                                .slew = 1e7f};
    for (int n = 1; n < count; n++) {
        const char *name = words[n];
        if (take_flag(options, name))
            continue;
        const char *text = n + 1 < count ? words[n + 1] : "";
        n++;
        if (strcmp(name, "--tcp") == 0)
            options->tcp = text;
        else if (strcmp(name, "--serial") == 0)
            options->serial = text;
        else if (strcmp(name, "--log") == 0)
            options->log = text;
        else if (strncmp(name, "--", 2) != 0 || !take_number(options, name, text)) {
            fputs(usage, stderr);
            return false;
        }
    }
    return true;
}
