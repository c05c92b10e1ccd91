"""The conversations of the golden transcripts: sessions, lines, waveforms."""

from __future__ import annotations

from collections.abc import Callable

from mishaps import interlock, loss, watchdog
from transcript import (
    BANKS,
    DEVICE,
    HELLO,
    LIMIT,
    MAGIC,
    SESSION,
    STORE,
    UPDATE,
    ZERO,
    Transcript,
    opened,
)  # fmt: skip

PERIOD = 10_000
"""Sample period in ticks of a nanosecond; 100 V/s is 3.2 codes per period."""
AT_POWER_ON = [ZERO, ZERO, ZERO, 0]


def handshake() -> Transcript:
    """A session opens, says what there is, and ends."""
    t = opened("A session opens, says what there is, and ends.", ready=False)
    t.say("The same HELLO doubled is answered again.")
    t.again()
    t.lines.append(t.last("<"))
    t.host("CAPABILITIES")
    t.device("CAPABILITIES", banks=BANKS, **DEVICE)
    t.host("HEARTBEAT", urgent=True, sequence=7)
    t.device("HEARTBEAT", sequence=7, store_free=STORE, expected=102, at_safe=1, flags=0b10,
             repeated=1)  # fmt: skip
    t.host("BYE")
    t.device("BYE")
    t.say("Nothing is answered any more but with a refusal.")
    t.host("CAPABILITIES")
    t.refused("CAPABILITIES", "SESSION", expected=0)
    return t


def versions() -> Transcript:
    """A host of another version, and frames of none."""
    t = Transcript("A host of another version is told so; no session opens.")
    t.host("HELLO", magic=MAGIC, oldest=2, newest=3, version=3)
    t.device("HELLO", **HELLO | {"chosen": 0})
    t.host("CAPABILITIES")
    t.refused("CAPABILITIES", "SESSION", expected=0)
    t.host("HELLO", magic=MAGIC, oldest=1, newest=3, version=3)
    t.device("HELLO", **HELLO)
    t.host("CAPABILITIES", version=3)
    t.refused("CAPABILITIES", "VERSION", expected=101)
    t.host("CAPABILITIES", sequence=101, session=SESSION + 1)
    t.refused("CAPABILITIES", "SESSION", expected=101, sequence=101, session=SESSION + 1)
    return t


def static() -> Transcript:
    """Limits, static outputs, inputs, a pause."""
    t = opened("Limits, static outputs, inputs, a pause.")
    t.host("GET_OUTPUTS", first=0, wanted=4)
    t.device("GET_OUTPUTS", first=0, codes=AT_POWER_ON)
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 320, ZERO - 321, ZERO, 1])
    t.time_ns += UPDATE
    t.device("SET_OUTPUTS")
    t.host("SET_OUTPUTS", first=1, codes=[ZERO - 640])
    t.time_ns += UPDATE
    t.device("SET_OUTPUTS")
    t.host("GET_OUTPUTS", first=0, wanted=4)
    t.device("GET_OUTPUTS", first=0, codes=[ZERO + 320, ZERO - 640, ZERO, 1])
    t.host("READ_INPUTS", samples=2, sources=[1, 2, 0])
    t.time_ns += 2000
    row = [ZERO - 640, 1, ZERO + 320]
    t.device("READ_INPUTS", samples=2, inputs=3, codes=row * 2)
    t.host("PAUSE", duration_ns=500)
    t.time_ns += 500
    t.device("PAUSE")
    return t


def refusals() -> Transcript:
    """Every reason to refuse a static update; outputs never move."""
    t = opened("Commands that are refused; outputs never move.", ready=False)
    t.host("SET_OUTPUTS", first=0, codes=[ZERO])
    t.refused("SET_OUTPUTS", "NO_WATCHDOG")
    t.host("WATCHDOG", timeout_ms=1000)
    t.device("WATCHDOG", timeout_ms=1000, ramp_ms=0)
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 1])
    t.refused("SET_OUTPUTS", "NO_LIMITS", channel=0, value=ZERO + 1)
    t.host("LIMITS", limits=[LIMIT | {"output": 0}, LIMIT | {"output": 1, "safe": 0}])
    t.refused("LIMITS", "VALUE", channel=1, value=0, lower=ZERO - 6400, upper=ZERO + 6400, item=1)
    t.host("LIMITS", limits=[LIMIT | {"output": 0}, LIMIT | {"output": 4}])
    t.refused("LIMITS", "CHANNEL", channel=4, item=1)
    t.host("LIMITS", limits=[LIMIT | {"output": 0}])
    t.device("LIMITS", limited=1)
    t.host("WATCHDOG", timeout_ms=200)
    t.refused("WATCHDOG", "VALUE", value=200, lower=226, upper=3_600_000)
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 6401])
    t.refused(
        "SET_OUTPUTS", "RANGE", channel=0, value=ZERO + 6401, lower=ZERO - 6400, upper=ZERO + 6400
    )
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 322])
    t.refused("SET_OUTPUTS", "SLEW", channel=0, value=322, upper=321)
    t.host("SET_OUTPUTS", first=3, codes=[0, 0])
    t.refused("SET_OUTPUTS", "CHANNEL", channel=4)
    t.host("READ_INPUTS", samples=1, sources=[3])
    t.refused("READ_INPUTS", "CHANNEL", channel=3)
    t.host("READ_INPUTS", samples=2047, sources=[0])
    t.refused("READ_INPUTS", "TOO_LARGE", value=4098, upper=4096)
    t.host("EXCHANGE", exchange=1, records=2, repeats=2, period=PERIOD, bytes=5000,
           outputs=[0], sources=[])  # fmt: skip
    t.refused("EXCHANGE", "NO_ROOM", value=5000, upper=STORE)
    t.host("EXCHANGE", exchange=1, records=1, repeats=1, period=999, bytes=10,
           outputs=[0], sources=[])  # fmt: skip
    t.refused("EXCHANGE", "VALUE", value=999, lower=1000, upper=2_147_483_647)
    t.host("EXCHANGE", exchange=1, records=1, repeats=1, period=PERIOD, bytes=12,
           outputs=[0, 0], sources=[])  # fmt: skip
    t.refused("EXCHANGE", "CHANNEL", channel=0, item=1)
    t.host("TRIGGER", exchange=1)
    t.refused("TRIGGER", "NO_EXCHANGE")
    t.host("PLANT_SETUP", oscillators=2, seed=1, unit_s=0.01, step_fraction=0.02, temperature=1.0)
    t.refused("PLANT_SETUP", "PLANT")
    t.host("PLANT_TERMS", monomials=[{"term": 0, "power_a": 1, "power_b": 1, "coefficient": 1.0}])
    t.refused("PLANT_TERMS", "PLANT")
    t.host("PLANT_LINES", entries=[{"role": 0, "term": 0, "channel": 2, "a": 0, "b": 1,
                                    "gain": 0.5, "offset": 0.125}])  # fmt: skip
    t.refused("PLANT_LINES", "PLANT")
    t.host("PLANT_START", lines=1)
    t.refused("PLANT_START", "PLANT")
    t.host("GET_OUTPUTS", first=0, wanted=4)
    t.device("GET_OUTPUTS", first=0, codes=AT_POWER_ON)
    return t


STEPS = [
    {"samples": 3, "read": 1, "codes": [ZERO + 4, 1]},
    {"samples": 2, "read": 2},
    {"samples": 5, "read": 0, "codes": [ZERO + 1, 0]},
    {"samples": 1, "read": 1, "codes": [ZERO, 1]},
]
SIZE = 8 + 4 + 8 + 8 + 4 + 8 + 4


def exchange() -> Transcript:
    """A waveform played twice: samples 2 to 4 and 10 of each repeat are read."""
    t = opened("A waveform on outputs 2 and 3, played twice; samples 2, 3, 4 and 10 are read.")
    t.host("EXCHANGE", exchange=7, records=4, repeats=2, period=PERIOD, bytes=SIZE,
           outputs=[1, 3], sources=[1, 0])  # fmt: skip
    t.device("EXCHANGE", exchange=7, store_free=STORE)
    t.host("SEGMENT", exchange=7, first_record=0, steps=STEPS[:3])
    t.device("SEGMENT", exchange=7, accepted=3, store_free=STORE - (SIZE - 12))
    t.host("SEGMENT", exchange=7, first_record=3, steps=STEPS[3:])
    t.device("SEGMENT", exchange=7, accepted=4, store_free=STORE - SIZE)
    t.host("TRIGGER", exchange=7)
    t.device("TRIGGER", exchange=7)
    t.time_ns += 22 * PERIOD
    once = [ZERO + 4, ZERO] * 3 + [ZERO, ZERO]
    t.itself("READINGS", exchange=7, first_row=0, inputs=2, codes=once * 2)
    done = {"state": 3, "exchange": 7, "accepted": 4, "store_free": STORE, "samples": 22,
            "rows": 8, "flags": 0b11}  # fmt: skip
    t.itself("EVENT", event=1, channel=0xFFFF, expected=107, at_safe=1, **done)
    t.say("Half of the readings are asked for again.")
    t.host("READ_ACK", urgent=True, exchange=7, next_row=4, flags=1)
    t.itself("READINGS", exchange=7, first_row=4, inputs=2, codes=once)
    t.host("READ_ACK", urgent=True, exchange=7, next_row=8)
    t.host("ABORT", urgent=True, sequence=1, exchange=7)
    t.device("ABORT", sequence=1, expected=107, at_safe=1, **done)
    t.host("GET_OUTPUTS", first=0, wanted=4)
    t.device("GET_OUTPUTS", first=0, codes=[ZERO, ZERO, ZERO, 1])
    t.say("A record that changes too fast ends the next one before a sample went out.")
    t.host("EXCHANGE", exchange=8, records=2, repeats=1, period=PERIOD, bytes=20,
           outputs=[0], sources=[])  # fmt: skip
    t.device("EXCHANGE", exchange=8, store_free=STORE)
    t.host("SEGMENT", exchange=8, first_record=0, steps=[
        {"samples": 1, "read": 0, "codes": [ZERO + 4]},
        {"samples": 1, "read": 0, "codes": [ZERO - 1]},
    ])  # fmt: skip
    t.refused("SEGMENT", "SLEW", channel=0, value=5, upper=4, item=1)
    t.host("TRIGGER", exchange=8)
    t.refused("TRIGGER", "NO_EXCHANGE")
    return t


CONVERSATIONS: dict[str, Callable[[], Transcript]] = {
    make.__name__: make
    for make in (
        handshake, versions, static, refusals, exchange, loss, watchdog, interlock,
    )
}  # fmt: skip
