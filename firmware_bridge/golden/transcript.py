"""A conversation between a host and the golden device, recorded line by line."""

from __future__ import annotations

import json
from typing import Any

from frames import TYPES, codes, frame, pack, record

SESSION = 0x0C0FFEE1
MAGIC = 0x4643534F
UPDATE = 1_000_000
"""Duration of a static update in nanoseconds."""
ZERO = 32768
STORE, READINGS = 4096, 1024
DEVICE = {
    "flags": 0b1101, "clock_hz": 1_000_000_000, "min_period": 1000, "update_us": 1000,
    "store_bytes": STORE, "readings_bytes": READINGS, "outputs": 4, "inputs": 3,
    "max_interlocks": 16,
}  # fmt: skip
ANALOG = {"bits": 16, "lower_uV": -10_240_000, "step_nV": 312_500, "top": 65535}
BANKS = [
    ANALOG | {"kind": 0, "channels": 3, "slew": 1e6, "power_on": ZERO},
    {"kind": 1, "bits": 1, "channels": 1, "step_nV": 1_000_000_000, "top": 1},
    ANALOG | {"kind": 2, "channels": 2},
    {"kind": 3, "bits": 1, "channels": 1, "step_nV": 1_000_000_000, "top": 1},
]
ERRORS = {
    "BAD_FRAME": 1, "VERSION": 2, "SESSION": 3, "SEQUENCE": 4, "TYPE": 5, "LENGTH": 6, "VALUE": 7,
    "NO_LIMITS": 9, "RANGE": 10, "SLEW": 11, "NO_WATCHDOG": 12, "TRIPPED": 13, "INTERLOCK": 14,
    "NO_ROOM": 15, "TOO_LARGE": 16, "NO_EXCHANGE": 17, "PLANT": 21, "CHANNEL": 22,
}  # fmt: skip
# 100 V/s is 320 codes in the 1 ms of an update.
LIMIT = {"lower": ZERO - 6400, "upper": ZERO + 6400, "safe": ZERO, "slew": 100.0}
LIMITS = [LIMIT | {"output": n} for n in range(3)] + [
    {"output": 3, "lower": 0, "upper": 1, "safe": 1, "slew": 0.0}
]
READY = {"flags": 0b11, "store_free": STORE}


class Transcript:
    """The lines of one file, and the state of the conversation."""

    def __init__(self, title: str) -> None:
        self.lines = [f"# {title}"]
        self.session, self.sequence, self.own = 0, 0, 0
        self.time_ns = 0

    def say(self, remark: str) -> None:
        """Add a remark."""
        self.lines.append(f"# {remark}")

    def direct(self, order: str) -> None:
        """Add an event other than a frame."""
        self.lines.append(f"! {order}")

    def host(self, name: str, urgent: bool = False, **fields: Any) -> None:
        """Add the host's next command, or an urgent one."""
        if name == "HELLO":
            self.session, self.sequence = fields.get("session", SESSION), 100
        elif not urgent:
            self.sequence += 1
        fields = {"session": self.session, "sequence": 0 if urgent else self.sequence} | fields
        self._line(">", name, TYPES[name], fields)

    def device(self, name: str, tag: int = 0x80, **fields: Any) -> None:
        """Add the device's answer to the last command."""
        at = {"session": self.session, "sequence": self.sequence, "time_ns": self.time_ns}
        self._line("<", name, TYPES[name] + tag, at | fields)

    def itself(self, name: str, **fields: Any) -> None:
        """Add a message that the device sends by itself."""
        at = {"session": self.session, "sequence": self.own, "time_ns": self.time_ns}
        self.own += 1
        self._line("<", name, TYPES[name], at | fields)

    def refused(self, name: str, code: str, **fields: Any) -> None:
        """Add an ERROR in place of an answer."""
        keeps = code in ("SESSION", "VERSION", "SEQUENCE", "BAD_FRAME")
        fields = {"expected": self.sequence + (not keeps)} | fields
        error = {"refused": TYPES.get(name, 0), "code": ERRORS[code], "channel": 0xFFFF} | fields
        self.device("ERROR", 0, **error)

    def raw(self, direction: str, name: str, data: bytes) -> None:
        """Add bytes that are not a good frame."""
        self.lines.append(f"{direction} {name} {data.hex()} {{}}")

    def again(self) -> None:
        """Repeat the host's last frame."""
        self.lines.append(next(line for line in reversed(self.lines) if line.startswith(">")))

    def last(self, direction: str) -> str:
        """Return the last line in a direction."""
        return next(line for line in reversed(self.lines) if line.startswith(direction))

    def _line(self, direction: str, name: str, kind: int, fields: dict[str, Any]) -> None:
        payload, count = body(name, direction == "<", fields)
        data = frame(kind, fields, payload, count)
        shown = {key: value for key, value in fields.items() if key != "reserved"}
        self.lines.append(f"{direction} {name} {data.hex()} {json.dumps(shown)}")


def body(name: str, answer: bool, fields: dict[str, Any]) -> tuple[bytes, int]:
    """Return the payload and the count of a message."""
    own = name in ("READINGS", "EVENT", "CREDIT", "ERROR")
    if answer and not own:
        if name in ("HEARTBEAT", "ABORT", "MAKE_SAFE"):
            return pack("STATUS", fields), 0
        if name in ("SET_OUTPUTS", "PAUSE", "BYE", "PLANT_START"):
            return b"", 0
        head = pack(f"{name}_ANSWER", fields)
        if name == "CAPABILITIES":
            return head + b"".join(pack("BANK", bank) for bank in fields["banks"]), len(
                fields["banks"]
            )
        values = fields.get("codes", [])
        return head + codes(values), len(values)
    if name == "LIMITS":
        return b"".join(pack("LIMIT", entry) for entry in fields["limits"]), len(fields["limits"])
    if name == "INTERLOCKS":
        entries = fields["interlocks"]
        return b"".join(pack("INTERLOCK", entry) for entry in entries), len(entries)
    if name == "PLANT_LINES":
        entries = fields["entries"]
        return b"".join(pack("PLANT_LINE", entry) for entry in entries), len(entries)
    if name == "PLANT_TERMS":
        entries = fields["monomials"]
        return b"".join(pack("PLANT_MONOMIAL", entry) for entry in entries), len(entries)
    if name in ("CAPABILITIES", "CLEAR", "BYE", "HEARTBEAT", "MAKE_SAFE"):
        return b"", 0
    head = pack(name, fields)
    if name == "EVENT":
        return head + pack("STATUS", fields), 0
    if name == "SEGMENT":
        return head + b"".join(map(record, fields["steps"])), len(fields["steps"])
    if name == "EXCHANGE":
        both = [*fields["outputs"], *fields["sources"]]
        sized = fields | {"lines": len(fields["outputs"]), "inputs": len(fields["sources"])}
        return pack(name, sized) + codes(both), len(both)
    if name == "READINGS":
        return head + codes(fields["codes"]), len(fields["codes"]) // fields["inputs"]
    values = fields.get("codes", fields.get("sources", []))
    return head + codes(values), len(values)


def opened(title: str, ready: bool = True) -> Transcript:
    """Return a transcript with an open session, and with limits and a watchdog if `ready`."""
    t = Transcript(title)
    t.host("HELLO", magic=MAGIC, oldest=1, newest=1)
    t.device("HELLO", **HELLO)
    if ready:
        t.host("LIMITS", limits=LIMITS)
        t.device("LIMITS", limited=4)
        t.host("WATCHDOG", timeout_ms=1000)
        # From the far end of the converter: 32768 codes, 10.24 V at 100 V/s, rounded up.
        t.device("WATCHDOG", timeout_ms=1000, ramp_ms=103)
    return t


HELLO = {
    "magic": MAGIC, "chosen": 1, "oldest": 1, "newest": 1, "max_payload": 4096, "rx_bytes": 8192,
    "firmware": "oscilab 1.0", "serial": "golden",
}  # fmt: skip
