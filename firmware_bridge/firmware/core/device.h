/* The device: power-on and the main loop. */
#ifndef OSC_DEVICE_H
#define OSC_DEVICE_H

#include <stdbool.h>

/* Power-on. */
void device_start(void);

/* One pass over bytes from the host, watchdog, interlocks, ramps and the waveform. Returns true if
 * there is more to do; the port then calls it again at once, and may idle otherwise. */
bool device_poll(void);

#endif
