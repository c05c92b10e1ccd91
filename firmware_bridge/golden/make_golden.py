"""Write the golden transcripts: `python make_golden.py` in this folder.

A transcript is a conversation with the device of `transcript.DEVICE`, whose clock is virtual:

    > NAME hex {fields}     the host sends a frame
    < NAME hex {fields}     the device sends one; answers have the name of their command
    ! silence ms            the host is silent for `ms`
    ! input number code     an external input changes
    # remark

`hex` is the encoded frame with its last delimiter, `fields` is JSON. `NAME` is DAMAGED for bytes
that are not a good frame. The device's analog input i reads analog output i; its digital input
reads 1 until changed.
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
