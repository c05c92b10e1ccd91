/* The device: sessions, sequence numbers, and what each message does. */
#ifndef OSC_DEVICE_H
#define OSC_DEVICE_H

#include <stdbool.h>

/* Power-on. */
void device_start(void);

/* Go through everything once: bytes from the host, watchdog, interlocks, ramps, the waveform. True
 * if there is more to do at once; a port then calls it again, and may idle otherwise. */
bool device_poll(void);

#endif
