"""The conversations with a fault: a bad line, a silent host, an open door."""

from __future__ import annotations

from transcript import READY, STORE, UPDATE, ZERO, Transcript, opened


def loss() -> Transcript:
    """Frames that are doubled, lost, damaged or cut off."""
    t = opened("Frames that are doubled, lost, damaged or cut off are never acted on.")
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 100])
    good = bytes.fromhex(t.last(">").split()[2])
    t.time_ns += UPDATE
    t.device("SET_OUTPUTS")
    answer = t.last("<")
    t.say("Doubled: the same answer, and no second update.")
    t.again()
    t.lines.append(answer)
    t.say("One before is missing.")
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 200], sequence=t.sequence + 2)
    t.sequence -= 1
    t.device("ERROR", 0, sequence=t.sequence + 2, refused=6, code=4, channel=0xFFFF,
             expected=t.sequence + 1)  # fmt: skip
    t.say("A bit was flipped; then the end is missing; then the beginning; then it is too short.")
    flipped = bytes([*good[:8], good[8] ^ 4, *good[9:]])
    for damaged in (flipped, good[:20] + b"\0", good[10:], b"\x02\x01\0"):
        t.raw(">", "DAMAGED", damaged)
        t.device("ERROR", 0, sequence=0, refused=0, code=1, channel=0xFFFF,
                 expected=t.sequence + 1)  # fmt: skip
    t.say("Delimiters alone are nothing.")
    t.raw(">", "DAMAGED", b"\0\0\0")
    t.host("GET_OUTPUTS", first=0, wanted=4)
    t.device("GET_OUTPUTS", first=0, codes=[ZERO + 100, ZERO, ZERO, 0])
    t.host("HEARTBEAT", urgent=True, sequence=3)
    t.device("HEARTBEAT", sequence=3, store_free=STORE, expected=t.sequence + 1, flags=0b11,
             bad_frames=4, repeated=1)  # fmt: skip
    return t


def watchdog() -> Transcript:
    """The host falls silent; outputs ramp to their safe values."""
    t = opened("The host falls silent, and outputs ramp to their safe values.")
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 320])
    t.time_ns += UPDATE
    t.device("SET_OUTPUTS")
    t.direct("silence 897")
    quiet = {"store_free": STORE, "expected": 104, "flags": 0b11}
    # 320 codes at 100 V/s take one update, which a virtual clock runs through at once.
    t.time_ns += UPDATE
    t.itself("EVENT", event=4, channel=0xFFFF, trip=1, at_safe=1, **quiet)
    t.itself("EVENT", event=5, channel=0xFFFF, trip=1, at_safe=1, **quiet)
    t.host("GET_OUTPUTS", first=0, wanted=4)
    t.device("GET_OUTPUTS", first=0, codes=[ZERO, ZERO, ZERO, 1])
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 1])
    t.refused("SET_OUTPUTS", "TRIPPED")
    t.host("CLEAR")
    t.device("CLEAR", trip=1)
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 1])
    t.time_ns += UPDATE
    t.device("SET_OUTPUTS")
    return t


def interlock() -> Transcript:
    """A door opens."""
    t = opened("A door opens: outputs go to their safe values, and stay until it is closed.")
    t.host("INTERLOCKS", interlocks=[{"input": 2, "lower": 1, "upper": 1}])
    t.device("INTERLOCKS", interlocks=1)
    t.host("SET_OUTPUTS", first=0, codes=[ZERO + 320])
    t.time_ns += UPDATE
    t.device("SET_OUTPUTS")
    t.direct("input 2 0")
    open_door = {"store_free": STORE, "expected": 105, "trip": 2, "flags": 0b01}
    t.time_ns += UPDATE
    t.itself("EVENT", event=4, channel=2, value=0, at_safe=1, **open_door)
    t.itself("EVENT", event=5, channel=0xFFFF, at_safe=1, **open_door)
    t.host("CLEAR")
    t.refused("CLEAR", "INTERLOCK", channel=2, value=0, lower=1, upper=1)
    t.direct("input 2 1")
    t.host("CLEAR")
    t.device("CLEAR", trip=2)
    t.host("MAKE_SAFE", urgent=True, sequence=9)
    closed = READY | {"expected": 107, "trip": 3}
    t.device("MAKE_SAFE", sequence=9, at_safe=1, **closed)
    t.itself("EVENT", event=4, channel=0xFFFF, at_safe=1, **closed)
    t.itself("EVENT", event=5, channel=0xFFFF, at_safe=1, **closed)
    return t
