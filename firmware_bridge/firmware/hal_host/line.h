/* The line to the host: a TCP socket or a pseudo-terminal. Losing the host is no end. */
#ifndef OSC_LINE_H
#define OSC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Say on standard output where the host finds it, as JSON; false after saying why it failed. */
bool line_open_tcp(const char *address);
bool line_open_pty(void);

size_t line_receive(uint8_t *bytes, size_t most);
size_t line_send(const uint8_t *bytes, size_t count);
/* Wait for bytes, or for so long. */
void line_wait(uint32_t ms);
/* Whether standard input came to its end. */
bool line_orphaned(void);

#endif
