"""The byte layouts of PROTOCOL.md, for the golden transcripts only.

Neither the firmware nor its host side uses this module; both are compared with it.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

from cobs import cobs

VERSION = 1
HEADER = struct.Struct("<BBHIQHH")
TYPES = {
    "HELLO": 0x01, "CAPABILITIES": 0x02, "LIMITS": 0x03, "WATCHDOG": 0x04, "INTERLOCKS": 0x05,
    "SET_OUTPUTS": 0x06, "GET_OUTPUTS": 0x07, "READ_INPUTS": 0x08, "PAUSE": 0x09,
    "EXCHANGE": 0x0A, "SEGMENT": 0x0B, "TRIGGER": 0x0C, "CLEAR": 0x0D, "BYE": 0x0E,
    "HEARTBEAT": 0x20, "ABORT": 0x21, "MAKE_SAFE": 0x22, "READ_ACK": 0x23,
    "PLANT_SETUP": 0x40, "PLANT_LINES": 0x41, "PLANT_START": 0x42, "PLANT_TERMS": 0x43,
    "READINGS": 0xF0, "EVENT": 0xF1, "CREDIT": 0xF2, "ERROR": 0xFF,
}  # fmt: skip
LAYOUTS = {
    "HELLO": "<I:magic H:oldest H:newest",
    "HELLO_ANSWER": "<I:magic H:chosen H:oldest H:newest H:max_payload I:rx_bytes "
    "16s:firmware 16s:serial",
    "CAPABILITIES_ANSWER": "<I:flags I:clock_hz I:min_period I:update_us I:store_bytes "
    "I:readings_bytes H:outputs H:inputs H:max_interlocks H:reserved",
    "LIMITS_ANSWER": "<H:limited H:reserved",
    "WATCHDOG": "<I:timeout_ms",
    "WATCHDOG_ANSWER": "<I:timeout_ms I:ramp_ms",
    "INTERLOCKS_ANSWER": "<H:interlocks H:reserved",
    "SET_OUTPUTS": "<H:first H:reserved",
    "GET_OUTPUTS": "<H:first H:wanted",
    "GET_OUTPUTS_ANSWER": "<H:first H:reserved",
    "READ_INPUTS": "<H:samples H:reserved",
    "READ_INPUTS_ANSWER": "<H:samples H:inputs",
    "PAUSE": "<Q:duration_ns",
    "EXCHANGE": "<I:exchange I:records I:repeats I:period I:bytes H:lines H:inputs",
    "EXCHANGE_ANSWER": "<I:exchange I:store_free",
    "SEGMENT": "<I:exchange I:first_record",
    "SEGMENT_ANSWER": "<I:exchange I:accepted I:store_free",
    "TRIGGER": "<I:exchange",
    "TRIGGER_ANSWER": "<I:exchange I:reserved",
    "CLEAR_ANSWER": "<H:trip H:reserved",
    "STATUS": "<B:state B:trip H:code I:exchange I:accepted I:store_free Q:samples I:rows "
    "H:expected B:at_safe B:flags I:bad_frames I:repeated",
    "ABORT": "<I:exchange",
    "READ_ACK": "<I:exchange I:next_row I:flags",
    "READINGS": "<I:exchange I:first_row H:inputs H:reserved",
    "EVENT": "<H:event H:channel i:value",
    "CREDIT": "<I:exchange I:accepted I:store_free",
    "ERROR": "<B:refused B:reserved H:code H:channel H:expected i:value i:lower i:upper I:item",
    "PLANT_SETUP": "<H:oscillators H:flags Q:seed f:unit_s f:step_fraction f:temperature "
    "f:input_noise_V f:drift_V_per_s f:clamp_stiffness f:sensor_settling_s f:output_settling_s "
    "f:output_crosstalk f:input_crosstalk I:reserved",
    "PLANT_SETUP_ANSWER": "<I:most_lines H:most_oscillators H:reserved",
    "PLANT_LINES_ANSWER": "<I:lines",
    "PLANT_START": "<I:lines",
    "LIMIT": "<H:output H:lower H:upper H:safe f:slew",
    "INTERLOCK": "<H:input H:lower H:upper H:reserved",
    "BANK": "<B:kind B:bits H:channels i:lower_uV I:step_nV f:slew H:top H:power_on I:reserved",
    "PLANT_TERMS_ANSWER": "<I:monomials",
    "PLANT_MONOMIAL": "<B:term B:power_a B:power_b B:power_c f:coefficient",
    "PLANT_LINE": "<B:role B:term H:channel H:a H:b H:c H:reserved f:gain f:offset",
}


def pack(layout: str, fields: dict[str, Any]) -> bytes:
    """Return the bytes of one structure; missing fields are zero."""
    parts = LAYOUTS[layout][1:].split()
    data = b""
    for part in parts:
        code, name = part.split(":")
        value = fields.get(name, "" if code == "16s" else 0)
        data += struct.pack("<" + code, value.encode() if isinstance(value, str) else value)
    return data


def codes(values: list[int]) -> bytes:
    """Return a list of u16."""
    return struct.pack(f"<{len(values)}H", *values)


def record(step: dict[str, Any]) -> bytes:
    """Return one record of a waveform; without `codes` the last levels are held."""
    hold = "codes" not in step
    head = struct.pack("<II", step["samples"] | (hold << 31), step["read"])
    return head + (b"" if hold else codes(step["codes"]))


def frame(kind: int, fields: dict[str, Any], payload: bytes, count: int) -> bytes:
    """Return a complete frame with its last delimiter."""
    header = HEADER.pack(
        fields.get("version", VERSION), kind, fields.get("sequence", 0), fields["session"],
        fields.get("time_ns", 0), count, len(payload),
    )  # fmt: skip
    body = header + payload
    return cobs.encode(body + struct.pack("<I", zlib.crc32(body))) + b"\0"
