"""Print the flash, memory and deepest stack of a microcontroller's image.

    python figures.py BUILD_FOLDER IMAGE.elf

The stack is the deepest chain of calls in gcc's call graphs (`-fcallgraph-info=su`). They lack
calls through pointers; every function in a table is counted as called by all that call through
pointers, which overestimates the stack.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
BYTES = re.compile(r"(\d+) bytes \((\w+)")
INDIRECT = "__indirect_call"
HANDLER = re.compile(r"(^|:)command_(?!do$)|/commands\.c:")
"""Functions in the table of commands."""
INTERRUPT_FRAME = 104
"""Bytes that a Cortex-M4F stacks for an interrupt, floating-point registers included."""


def graphs(folder: Path) -> tuple[dict[str, int], dict[str, set[str]]]:
    """Return the stack of each function in bytes, and the functions that it calls."""
    stack: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for file in folder.rglob("*.ci"):
        text = file.read_text(encoding="utf-8", errors="replace")
        for title, label in NODE.findall(text):
            found = BYTES.search(label)
            if found:
                stack[title] = int(found[1])
        for source, target in EDGE.findall(text):
            calls.setdefault(source, set()).add(target)
    return stack, calls


def deepest(
    name: str, stack: dict[str, int], calls: dict[str, set[str]], above: tuple[str, ...] = ()
) -> tuple[int, tuple[str, ...]]:
    """Return the bytes of the deepest chain of calls from a function, and the chain."""
    if name in above:
        raise SystemExit(f"{name} calls itself: its stack has no bound")
    chains = [
        deepest(callee, stack, calls, (*above, name)) for callee in sorted(calls.get(name, ()))
    ]
    size, chain = max(chains, default=(0, ()))
    return stack.get(name, 0) + size, (name, *chain)


def main(folder: Path, image: Path) -> None:
    """Print the figures."""
    stack, calls = graphs(folder)
    handlers = {name for name in stack if HANDLER.search(name)}
    for callees in calls.values():
        if INDIRECT in callees:
            callees.discard(INDIRECT)
            callees |= handlers
    size = subprocess.run(
        ["arm-none-eabi-size", str(image)], check=True, capture_output=True, text=True
    ).stdout.splitlines()[1]
    text, data, bss = (int(word) for word in size.split()[:3])
    total, chain = deepest("main", stack, calls)
    begun, _ = deepest("reset", stack, calls)
    handling = max((deepest(name, stack, calls)[0] for name in stack if "uart_" in name), default=0)
    print(f"flash {text + data} bytes, memory {data + bss} bytes (with the stack's room)")
    print(
        f"stack {max(total, begun) + handling + INTERRUPT_FRAME} bytes at most: "
        f"{max(total, begun)} in the main loop, {handling} + {INTERRUPT_FRAME} in an interrupt"
    )
    print("deepest: " + " > ".join(name.rpartition(":")[2] for name in chain))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
