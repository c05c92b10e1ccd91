/* Registers of the Cortex-M4 and of the CMSDK UART, from their reference manuals (Arm DDI 0403,
 * DDI 0479), and declarations shared by the files of this port. */
#ifndef OSC_AN386_H
#define OSC_AN386_H

#include <stdint.h>

#define CLOCK_HZ 25000000u
#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define NVIC_ISER REGISTER(0xE000E100)
#define CPACR REGISTER(0xE000ED88)

#define UART_DATA REGISTER(0x40004000)
#define UART_STATE REGISTER(0x40004004)
#define UART_CTRL REGISTER(0x40004008)
#define UART_INT REGISTER(0x4000400C)
#define UART_BAUDDIV REGISTER(0x40004010)
enum { UART_TX_FULL = 1, UART_RX_FULL = 2 };
enum { UART_TX_ON = 1, UART_RX_ON = 2, UART_TX_INT = 4, UART_RX_INT = 8 };

extern volatile uint32_t milliseconds;
void uart_start(void);
void uart_received(void);
void uart_sent(void);

#endif
