/* The line to the host: a TCP socket or a pseudo-terminal. It survives a lost host. */
#ifndef OSC_LINE_H
#define OSC_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open the line and print its address as JSON; on failure, print the reason and return false. */
bool line_open_tcp(const char *address);
bool line_open_pty(void);

size_t line_receive(uint8_t *bytes, size_t most);
size_t line_send(const uint8_t *bytes, size_t count);
/* Wait for bytes, at most `ms`. */
void line_wait(uint32_t ms);
/* Return whether standard input has ended. */
bool line_orphaned(void);

#endif
