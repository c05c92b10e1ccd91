/* Arm MPS2 with FPGA image AN386: Cortex-M4F, 4 MB of code and 4 MB of data memory. */
#ifndef OSC_CONFIG_AN386_H
#define OSC_CONFIG_AN386_H

#define OSC_OUTPUTS 1200
#define OSC_INPUTS 512
#define OSC_MAX_PAYLOAD 4096
#define OSC_STORE (1u << 20)
#define OSC_READINGS (256u << 10)
#define OSC_RX 16384
#define PLANT_OSCILLATORS 256
/* 25 MHz: about ten cycles per slope. */
#define PLANT_QUANTUM 20000

#endif
