/* The numbers of PROTOCOL.md. */
#ifndef OSC_WIRE_H
#define OSC_WIRE_H

#define WIRE_VERSION 1
#define WIRE_MAGIC 0x4643534Fu
#define WIRE_HEADER 20u
#define WIRE_ANY 0xFFFFFFFFu
#define WIRE_NO_CHANNEL 0xFFFFu
#define WIRE_HOLD 0x80000000u
#define WIRE_STATUS 40u

enum wire_type {
    T_HELLO = 0x01,
    T_CAPABILITIES,
    T_LIMITS,
    T_WATCHDOG,
    T_INTERLOCKS,
    T_SET_OUTPUTS,
    T_GET_OUTPUTS,
    T_READ_INPUTS,
    T_PAUSE,
    T_EXCHANGE,
    T_SEGMENT,
    T_TRIGGER,
    T_CLEAR,
    T_BYE,
    T_HEARTBEAT = 0x20,
    T_ABORT,
    T_MAKE_SAFE,
    T_READ_ACK,
    T_PLANT_SETUP = 0x40,
    T_PLANT_LINES,
    T_PLANT_START,
    T_ANSWER = 0x80,
    T_READINGS = 0xF0,
    T_EVENT,
    T_CREDIT,
    T_ERROR = 0xFF
};

enum wire_code {
    E_NONE,
    E_BAD_FRAME,
    E_VERSION,
    E_SESSION,
    E_SEQUENCE,
    E_TYPE,
    E_LENGTH,
    E_VALUE,
    E_BUSY,
    E_NO_LIMITS,
    E_RANGE,
    E_SLEW,
    E_NO_WATCHDOG,
    E_TRIPPED,
    E_INTERLOCK,
    E_NO_ROOM,
    E_TOO_LARGE,
    E_NO_EXCHANGE,
    E_UNDERRUN,
    E_OVERRUN,
    E_ABORTED,
    E_PLANT,
    E_CHANNEL
};

enum wire_event { EV_DONE = 1, EV_ABORTED, EV_FAILED, EV_TRIPPED, EV_SAFE };
enum wire_state { S_NONE, S_LOADING, S_RUNNING, S_DONE, S_ABORTED, S_FAILED };
enum wire_trip { TRIP_NONE, TRIP_WATCHDOG, TRIP_INTERLOCK, TRIP_HOST };
enum wire_kind { ANALOG_OUT, DIGITAL_OUT, ANALOG_IN, DIGITAL_IN };
enum wire_flag {
    BOARD_VIRTUAL_CLOCK = 1,
    BOARD_PLANT = 2,
    BOARD_INTERLOCKS = 4,
    BOARD_READBACK = 8
};

#endif
