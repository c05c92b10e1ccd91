/* Memory sizes of a build. Nothing is allocated at run time. */
#ifndef OSC_CONFIG_H
#define OSC_CONFIG_H

#ifdef OSC_CONFIG_OF_PORT
#include OSC_CONFIG_OF_PORT
#endif

#ifndef OSC_OUTPUTS
#define OSC_OUTPUTS 1200
#endif
#ifndef OSC_INPUTS
#define OSC_INPUTS 512
#endif
/* Largest payload of a frame; EXCHANGE on all lines must fit: 24 + 2 * (outputs + inputs) bytes. */
#ifndef OSC_MAX_PAYLOAD
#define OSC_MAX_PAYLOAD 4096
#endif
/* Bytes for waveform records, and for readings that were not acknowledged. */
#ifndef OSC_STORE
#define OSC_STORE 65536
#endif
#ifndef OSC_READINGS
#define OSC_READINGS 16384
#endif
/* Size of a port's receive buffer. */
#ifndef OSC_RX
#define OSC_RX 8192
#endif
/* Bytes taken from the port at once. */
#ifndef OSC_CHUNK
#define OSC_CHUNK 256
#endif
#define OSC_INTERLOCKS 16
#define OSC_BANKS 8

#endif
