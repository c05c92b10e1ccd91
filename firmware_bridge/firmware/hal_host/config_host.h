/* Memory sizes of the host port. */
#ifndef OSC_CONFIG_HOST_H
#define OSC_CONFIG_HOST_H

#define OSC_OUTPUTS 16384
#define OSC_INPUTS 8192
#define OSC_MAX_PAYLOAD 60000
#define OSC_STORE (64u << 20)
#define OSC_READINGS (16u << 20)
#define OSC_RX (1u << 20)
#define OSC_CHUNK 65536
#define PLANT_OSCILLATORS 1024

#endif
