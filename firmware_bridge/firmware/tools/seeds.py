"""Write the fuzzers' start corpus from golden transcripts: `python seeds.py CORPUS_FOLDER`."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

from cobs import cobs

GOLDEN = Path(__file__).parents[2] / "golden"
HEADER = 20


def frames_of(text: str) -> list[bytes]:
    """Return the good frames of the host."""
    rows = [line.split() for line in text.splitlines() if line.startswith("> ")]
    return [bytes.fromhex(row[2]) for row in rows if row[1] != "DAMAGED"]


def message(frame: bytes) -> bytes:
    """Return one message in the format of tests/fuzz_commands.c."""
    body = cobs.decode(frame[:-1])
    payload = body[HEADER:-4]
    count = struct.unpack_from("<H", body, 16)[0]
    return struct.pack("<BBHB", body[1], 0, count, len(payload)) + payload


def plant() -> bytes:
    """Return the messages of a plant of two oscillators with lines of every role."""
    setup = struct.pack("<HHQ10fI", 2, 1, 5, 0.01, 0.02, 1, 0.01, 0.01, 100, 0.001, 0.001, 0.01,
                        0.01, 0)  # fmt: skip
    monomials = [(0, 2, 0, 0, 0.5), (1, 4, 0, 0, 0.25), (2, 1, 1, 0, 1.0), (3, 2, 2, 0, 0.5)]
    lines = [(0, term, term, 0, 1, 2, 1.0, 0.1) for term in range(4)]
    lines += [(1, 0, 20 + i, i, 0, 0, 1.0, 0.0) for i in range(2)]
    lines += [(2, 0, 32, 0xFFFF, 0, 0, 0.0, 0.0), (3, 0, 0, 0, 0, 0, 1.0, 0.0)]
    lines += [(4, 0, 1, 0, 0, 0, 1.0, 0.0), (5, 0, 2, 0, 0, 0, 0.0, 1.0)]
    lines += [(6, 0, 2, 0, 0, 0, 1e-6, 2.0), (7, 0, 9, 0, 0, 0, 0.0, 2.0)]
    lines += [(8, 0, 3, 0, 0, 0, 0.0, 2.0)]
    return (
        setup
        + b"".join(struct.pack("<BBBBf", *monomial) for monomial in monomials)
        + b"".join(struct.pack("<BBHHHHxxff", *line) for line in lines)
    )


def main(folder: Path) -> None:
    """Write the corpus."""
    for name in ("fuzz_frames", "fuzz_commands", "fuzz_plant"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for file in sorted(GOLDEN.glob("*.txt")):
        frames = frames_of(file.read_text(encoding="ascii"))
        commands = b"".join(map(message, frames[3:]))
        (folder / "fuzz_frames" / file.stem).write_bytes(b"".join(frames))
        (folder / "fuzz_commands" / file.stem).write_bytes(b"\0" + commands)
        (folder / "fuzz_commands" / f"{file.stem}_real").write_bytes(b"\1" + commands)
    (folder / "fuzz_plant" / "pair").write_bytes(plant())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
