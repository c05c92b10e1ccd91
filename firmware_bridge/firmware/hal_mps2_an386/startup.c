/* Reset, interrupt vectors and the millisecond timer. */
#include <stdint.h>

#include "an386.h"

extern uint32_t _data_load[], _data_begin[], _data_end[], _bss_begin[], _bss_end[], _stack_top[];
int main(void);

volatile uint32_t milliseconds;

static void hang(void)
{
    /* A processor fault: outputs hold, and the line falls silent. */
    for (;;) {
    }
}

static void tick(void)
{
    milliseconds++;
}

void reset(void);
void reset(void)
{
    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_begin; to < _data_end; to++)
        *to = *from++;
    for (uint32_t *to = _bss_begin; to < _bss_end; to++)
        *to = 0;
    CPACR |= 0xFu << 20; /* floating point */
    __asm volatile("dsb\n isb");
    SYST_RVR = CLOCK_HZ / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    main();
    hang();
}

typedef void handler(void);

__attribute__((section(".vectors"), used)) static handler *const vectors[] = {
    (handler *)_stack_top, reset, hang, hang, hang, hang, hang, 0, 0, 0, 0, hang, hang, 0, hang,
    tick,
    /* interrupts 0 and 1: UART 0 receives, sends */
    uart_received, uart_sent,
};
