/* Incoming frames: sessions, sequence numbers, urgent messages. */
#include "bytes.h"
#include "hal.h"
#include "link.h"
#include "outputs.h"
#include "readings.h"
#include "sequencer.h"
#include "state.h"

static struct frame_reader reader;
static uint8_t received[OSC_CHUNK];
static size_t received_count, received_at;

void listen_start(void)
{
    reader.filled = 0;
    reader.too_long = false;
    received_count = received_at = 0;
}

static void error_own(const struct header *header, uint8_t type, const struct fault *fault)
{
    uint16_t expected = device.session ? device.expected : 0;
    uint16_t length = link_error(link_own(), type, fault, expected);
    link_send_own(header->session, T_ERROR, header->sequence, 0, length);
}

static void hello(const struct header *header, const uint8_t *payload)
{
    struct fault fault;
    const struct board *board = hal_board();
    if (header->length != 8 || get_u32(payload) != WIRE_MAGIC || header->session == 0) {
        refuse(&fault, header->length != 8 ? E_LENGTH : E_VALUE);
        error_own(header, T_HELLO, &fault);
        return;
    }
    if (header->session == device.session) {
        device.repeated++;
        if (header->sequence == device.hello &&
            device.expected == (uint16_t)(device.hello + 1) && device.wait.what == NOTHING)
            link_repeat_answer();
        return;
    }
    bool common = get_u16(payload + 4) <= WIRE_VERSION && get_u16(payload + 6) >= WIRE_VERSION;
    if (common) {
        if (sequencer_is_open())
            sequencer_end(S_ABORTED, E_ABORTED);
        device.wait.what = NOTHING;
        device.session = header->session;
        device.hello = header->sequence;
        device.expected = (uint16_t)(header->sequence + 1);
        device.own = 0;
        device.ending = 0;
        outputs_forget_limits();
        guard_need_timeout();
        guard_alive();
    }
    /* A refused host does not change the present session or its last answer. */
    uint8_t *answer = common ? link_answer() : link_own();
    memset(answer, 0, 48);
    put_u32(answer, WIRE_MAGIC);
    put_u16(answer + 4, common ? WIRE_VERSION : 0);
    put_u16(answer + 6, WIRE_VERSION);
    put_u16(answer + 8, WIRE_VERSION);
    put_u16(answer + 10, OSC_MAX_PAYLOAD);
    put_u32(answer + 12, OSC_RX);
    for (size_t n = 0; n < 16 && board->firmware[n]; n++)
        answer[16 + n] = (uint8_t)board->firmware[n];
    for (size_t n = 0; n < 16 && board->serial[n]; n++)
        answer[32 + n] = (uint8_t)board->serial[n];
    if (common)
        link_send_answer(header, T_HELLO | T_ANSWER, 0, 48);
    else
        link_send_own(header->session, T_HELLO | T_ANSWER, header->sequence, 0, 48);
}

static void abort_exchange(const uint8_t *payload)
{
    uint32_t wanted = get_u32(payload);
    if (wanted == WIRE_ANY || wanted == sequencer_progress()->exchange) {
        if (sequencer_is_open()) {
            sequencer_end(S_ABORTED, E_ABORTED);
            report_ending(EV_ABORTED);
        }
    }
    if (wanted == WIRE_ANY && device.wait.what == PAUSE)
        waiting_end(E_ABORTED);
}

static void read_ack(const uint8_t *payload)
{
    if (get_u32(payload) != sequencer_progress()->exchange)
        return;
    readings_forget(get_u32(payload + 4));
    if (get_u32(payload + 8) & 1)
        readings_send_from(get_u32(payload + 4));
}

static void make_safe(void)
{
    if (device.trip.trip == TRIP_NONE)
        device_trip((struct tripped){TRIP_HOST, WIRE_NO_CHANNEL, 0});
    else if (!device.ramping && !outputs_at_safe())
        device_ramp(); /* safe values have changed since the trip */
}

static void urgent(const struct header *header, const uint8_t *payload)
{
    struct fault fault;
    static const uint8_t lengths[] = {0, 4, 0, 12};
    uint8_t which = (uint8_t)(header->type - T_HEARTBEAT);
    if (which >= sizeof lengths || header->length != lengths[which]) {
        refuse(&fault, which >= sizeof lengths ? E_TYPE : E_LENGTH);
        error_own(header, header->type, &fault);
        return;
    }
    if (header->type == T_READ_ACK) {
        read_ack(payload);
        return;
    }
    if (header->type == T_ABORT)
        abort_exchange(payload);
    if (header->type == T_MAKE_SAFE)
        make_safe();
    uint16_t length = report_status(link_own());
    link_send_own(header->session, header->type | T_ANSWER, header->sequence, 0, length);
}

static void command(const struct header *header, const uint8_t *payload)
{
    struct fault fault;
    int16_t ahead = (int16_t)(uint16_t)(header->sequence - device.expected);
    if (ahead < 0) {
        device.repeated++;
        if (ahead == -1 && device.wait.what == NOTHING)
            link_repeat_answer();
        return;
    }
    if (ahead > 0) {
        refuse(&fault, E_SEQUENCE);
        error_own(header, header->type, &fault);
        return;
    }
    /* Commands that take time are answered later, with their own number. */
    device.expected++;
    uint16_t code = device.wait.what != NOTHING ? refuse(&fault, E_BUSY)
                                                : command_do(header, payload, &fault);
    if (code == E_NONE)
        return;
    if (code == E_BUSY) {
        device.expected--;
        error_own(header, header->type, &fault);
        return;
    }
    uint16_t length = link_error(link_answer(), header->type, &fault, device.expected);
    link_send_answer(header, T_ERROR, 0, length);
}

static void frame(const struct header *header, const uint8_t *payload)
{
    struct fault fault;
    uint8_t group = header->type & 0xE0;
    if (header->type == T_HELLO) {
        hello(header, payload);
        return;
    }
    if (header->version != WIRE_VERSION) {
        refuse(&fault, E_VERSION);
        error_own(header, header->type, &fault);
        return;
    }
    if (device.session == 0 || header->session != device.session) {
        refuse(&fault, E_SESSION);
        error_own(header, header->type, &fault);
        return;
    }
    guard_alive();
    if (group == T_HEARTBEAT) {
        urgent(header, payload);
    } else if (group == 0 || (header->type & 0xF0) == T_PLANT_SETUP) {
        command(header, payload);
    } else {
        refuse(&fault, E_TYPE);
        error_own(header, header->type, &fault);
    }
}

bool listen_on(void)
{
    struct header header, nobody = {.session = device.session};
    const uint8_t *payload = NULL;
    struct fault fault;
    while (link_room()) {
        if (received_at == received_count) {
            received_at = 0;
            received_count = hal_receive(received, sizeof received);
            if (received_count == 0)
                return false;
        }
        switch (frame_take(&reader, received[received_at++], &header, &payload)) {
        case FRAME_GOOD:
            frame(&header, payload);
            return true;
        case FRAME_BAD:
            device.bad_frames++;
            refuse(&fault, E_BAD_FRAME);
            error_own(&nobody, 0, &fault);
            return true;
        default:
            break;
        }
    }
    return true;
}
