/* The line to the host: interrupts move bytes between the UART and rings. */
#include <stdbool.h>
#include <stddef.h>

#include "an386.h"
#include "config.h"
#include "hal.h"

#define TX_RING 8192u

static volatile uint8_t rx[OSC_RX], tx[TX_RING];
/* Byte counts; positions are counts modulo the size. Each has one writer. */
static volatile uint32_t rx_in, rx_out, tx_in, tx_out;

void uart_start(void)
{
    UART_BAUDDIV = 16; /* the fastest; ignored by the emulator */
    UART_CTRL = UART_TX_ON | UART_RX_ON | UART_TX_INT | UART_RX_INT;
    NVIC_ISER = 3;
}

void uart_received(void)
{
    UART_INT = 2;
    while (UART_STATE & UART_RX_FULL) {
        uint8_t byte = (uint8_t)UART_DATA;
        /* The ring is never full if the host respects its credits. */
        if (rx_in - rx_out < OSC_RX) {
            rx[rx_in % OSC_RX] = byte;
            rx_in++;
        }
    }
}

void uart_sent(void)
{
    UART_INT = 1;
    while (tx_out != tx_in && !(UART_STATE & UART_TX_FULL)) {
        UART_DATA = tx[tx_out % TX_RING];
        tx_out++;
    }
}

size_t hal_receive(uint8_t *bytes, size_t most)
{
    size_t count = 0;
    while (count < most && rx_out != rx_in) {
        bytes[count++] = rx[rx_out % OSC_RX];
        rx_out++;
    }
    return count;
}

size_t hal_send(const uint8_t *bytes, size_t count)
{
    size_t sent = 0;
    while (sent < count && tx_in - tx_out < TX_RING) {
        tx[tx_in % TX_RING] = bytes[sent++];
        tx_in++;
    }
    /* Sending the first byte starts the interrupts. */
    __asm volatile("cpsid i" ::: "memory");
    uart_sent();
    __asm volatile("cpsie i" ::: "memory");
    return sent;
}

void hal_idle(uint32_t ms)
{
    /* Sleep until a byte or the next millisecond; a byte that has just arrived also wakes it. */
    __asm volatile("cpsid i" ::: "memory");
    if (ms && rx_in == rx_out)
        __asm volatile("wfi");
    __asm volatile("cpsie i" ::: "memory");
}
