/* The table of commands, the device's capabilities, and the end of a session. */
#include "commands.h"

#include "bytes.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "sequencer.h"
#include "state.h"

void command_answer(const struct header *header, uint16_t count, uint16_t length)
{
    link_send_answer(header, header->type | T_ANSWER, count, length);
}

static uint16_t capabilities(const struct header *header, const uint8_t *payload,
                             struct fault *fault)
{
    const struct board *board = hal_board();
    uint8_t *at = link_answer();
    (void)payload;
    (void)fault;
    memset(at, 0, 32u + 24u * OSC_BANKS);
    put_u32(at, board->flags);
    put_u32(at + 4, board->clock_hz);
    put_u32(at + 8, board->min_period);
    put_u32(at + 12, board->update_us);
    put_u32(at + 16, OSC_STORE);
    put_u32(at + 20, OSC_READINGS);
    put_u16(at + 24, outputs_count());
    put_u16(at + 26, inputs_count());
    put_u16(at + 28, OSC_INTERLOCKS);
    at += 32;
    for (uint16_t n = 0; n < board->banks; n++, at += 24) {
        const struct bank *bank = &board->bank[n];
        at[0] = bank->kind;
        at[1] = bank->bits;
        put_u16(at + 2, bank->channels);
        put_u32(at + 4, (uint32_t)bank->lower_uV);
        put_u32(at + 8, bank->step_nV);
        put_f32(at + 12, bank->slew);
        put_u16(at + 16, bank->top);
        put_u16(at + 18, bank->power_on);
    }
    command_answer(header, board->banks, (uint16_t)(32 + 24 * board->banks));
    return E_NONE;
}

static uint16_t bye(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    (void)payload;
    (void)fault;
    if (sequencer_is_open())
        sequencer_end(S_ABORTED, E_ABORTED);
    guard_disarm();
    command_answer(header, 0, 0);
    device.session = 0;
    return E_NONE;
}

static uint16_t plant(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint16_t length = 0;
    if (hal_plant(header->type, payload, header->length, header->count, fault, link_answer(),
                  &length) != E_NONE)
        return fault->code;
    command_answer(header, 0, length);
    return E_NONE;
}

/* A payload has `fixed` bytes and `each` per item; `idle` commands are refused in a waveform. */
static const struct {
    command *handle;
    uint16_t fixed, each;
    bool idle;
} commands[] = {
    [T_CAPABILITIES] = {capabilities, 0, 0, false},
    [T_LIMITS] = {command_limits, 0, 12, true},
    [T_WATCHDOG] = {command_watchdog, 4, 0, false},
    [T_INTERLOCKS] = {command_interlocks, 0, 8, false},
    [T_SET_OUTPUTS] = {command_set_outputs, 4, 2, true},
    [T_GET_OUTPUTS] = {command_get_outputs, 4, 0, false},
    [T_READ_INPUTS] = {command_read_inputs, 4, 2, false},
    [T_PAUSE] = {command_pause, 8, 0, true},
    [T_EXCHANGE] = {command_exchange, 24, 2, false},
    [T_SEGMENT] = {command_exchange, 8, 0, false},
    [T_TRIGGER] = {command_exchange, 4, 0, false},
    [T_CLEAR] = {command_clear, 0, 0, false},
    [T_BYE] = {bye, 0, 0, false},
    [T_PLANT_SETUP] = {plant, 56, 0, true},
    [T_PLANT_LINES] = {plant, 0, 20, true},
    [T_PLANT_START] = {plant, 4, 0, true},
    [T_PLANT_TERMS] = {plant, 0, 8, true},
};

uint16_t command_do(const struct header *header, const uint8_t *payload, struct fault *fault)
{
    uint8_t type = header->type;
    if (type >= sizeof commands / sizeof commands[0] || commands[type].handle == NULL)
        return refuse(fault, E_TYPE);
    uint32_t length = commands[type].fixed + (uint32_t)commands[type].each * header->count;
    bool open_ended = type == T_SEGMENT && header->length > length;
    if (header->length != length && !open_ended)
        return refuse(fault, E_LENGTH);
    if (commands[type].idle && sequencer_is_open())
        return refuse(fault, E_BUSY);
    return commands[type].handle(header, payload, fault);
}
