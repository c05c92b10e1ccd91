"""Writes the golden transcripts: `python make_golden.py` in this folder.

A transcript is a conversation with the device of `transcript.DEVICE`, whose clock is virtual:

    > NAME hex {fields}     the host sends a frame
    < NAME hex {fields}     the device sends one; answers have the name of what they answer
    ! silence ms            nothing comes from the host for so long
    ! input number code     an input from outside changes
    # remark

`hex` is the frame with its COBS code and last delimiter, `fields` is JSON. `NAME` is DAMAGED for
bytes that are no good frame. The device's analog input i shows what analog output i is at, its
digital input reads 1 until told otherwise.
"""

from __future__ import annotations

import sys
from pathlib import Path

from conversations import CONVERSATIONS


def main(folder: Path) -> None:
    """Write every conversation to `folder`."""
    for name, make in CONVERSATIONS.items():
        text = "\n".join(make().lines) + "\n"
        (folder / f"{name}.txt").write_text(text, encoding="ascii", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
