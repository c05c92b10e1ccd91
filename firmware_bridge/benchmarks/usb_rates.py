"""Calculate the ticks per second that USB allows for 144 outputs and 288 inputs.

    python firmware_bridge/benchmarks/usb_rates.py

Nothing is measured. A tick is one new level on every output and one reading of every input. Bulk
transfers have at most 19 packets of 64 bytes in a full-speed frame of 1 ms and 13 of 512 in a
high-speed microframe of 125 us (USB 2.0, tables 5-9 and 5-10), for both directions together. Bytes
follow PROTOCOL.md with a payload of up to 4096: whole records and rows in frames, answers,
acknowledgements.
"""

from __future__ import annotations

from oscilab_firmware.frames import OVERHEAD

OUTPUTS, INPUTS, PAYLOAD = 144, 288, 4096
FULL_SPEED, HIGH_SPEED = 19 * 64 * 1000, 13 * 512 * 8000
RECORD_HEAD, SEGMENT_HEAD, READINGS_HEAD, ANSWER, ACKNOWLEDGEMENT = 8, 8, 12, 12, 12


def on_the_line(payload: float) -> float:
    """Return the bytes of a frame: header, CRC, stuffing, delimiter."""
    size = payload + OVERHEAD
    return size * 255 / 254 + 2


def each(size: float, head: int, reply: int) -> float:
    """Return the bytes per item of `size` in a full frame, with the frame's reply."""
    many = (PAYLOAD - head) // size
    return (on_the_line(head + many * size) + on_the_line(reply)) / many


def bytes_a_tick(code_bytes: float, samples_a_reading: int = 1, samples_a_level: int = 1) -> float:
    """Return the bytes per sample in both directions."""
    record = each(RECORD_HEAD + code_bytes * OUTPUTS, SEGMENT_HEAD, ANSWER)
    row = each(code_bytes * INPUTS, READINGS_HEAD, ACKNOWLEDGEMENT)
    return record / samples_a_level + row / samples_a_reading


CASES = {
    "16 bits a code, as the protocol has it": bytes_a_tick(2),
    "12 bits a code, two in three bytes": bytes_a_tick(1.5),
    "8 bits a code, differences to the tick before": bytes_a_tick(1),
    "16 bits, levels held and inputs read every 8th sample": bytes_a_tick(2, 8, 8),
}

if __name__ == "__main__":
    for name, size in CASES.items():
        print(
            f"{name}: {size:.0f} bytes a sample, {FULL_SPEED / size:.0f} samples/s at full speed, "
            f"{HIGH_SPEED / size:.0f} at high speed"
        )
