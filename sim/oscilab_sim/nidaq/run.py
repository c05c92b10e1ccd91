"""Run a nidaqmx script without hardware: `python -m oscilab_sim.nidaq.run SCRIPT`."""

from __future__ import annotations

import argparse
import builtins
import os
import re
import runpy
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from oscilab.errors import OscilabError
from oscilab_sim.nidaq.engine import Signal

PRODUCT = "PCIe-6363"
CHANNEL = re.compile(r"[\"'/\s,]([A-Za-z]\w*)/(?:ai|ao|port)\d")
"""A physical channel in the text of a script, such as "Dev1/ai0"."""


def devices_named(text: str) -> list[str]:
    """Return the devices whose channels a script names, in order; Dev1 if there are none."""
    return list(dict.fromkeys(CHANNEL.findall(text))) or ["Dev1"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a script as `python SCRIPT` would, on virtual boards.

    Raises:
        SystemExit: that of the script, or 2 for wrong arguments.
    """
    given = _parser().parse_args(arguments)
    script: Path = given.script
    try:
        text = script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"cannot read the script {script}: {error}") from error
    devices = dict(given.device) or dict.fromkeys(devices_named(text), PRODUCT)
    if given.seconds is not None:
        # A window would wait to be closed.
        os.environ.setdefault("MPLBACKEND", "agg")
    from oscilab_sim.nidaq.virtual_daq import virtual_daq
    from oscilab_sim.nidaq.without_hardware import without_hardware

    sys.argv = [str(script), *given.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        with (
            virtual_daq(
                devices, signals=dict(given.signal), pulses=dict(given.pulse),
                clocks=dict(given.clock), real_time=given.real_time,
            ) as options,
            without_hardware(options),
            ended_after(given.seconds),
        ):  # fmt: skip
            runpy.run_path(str(script), run_name="__main__")
    except OscilabError as error:
        raise SystemExit(f"oscilab: {error}") from error


@contextmanager
def ended_after(seconds: float | None) -> Generator[None]:
    """End the block after `seconds`: by Enter where it waits at `input`, else by Ctrl-C."""
    if seconds is None:
        yield
        return
    deadline = time.monotonic() + seconds
    asks: Callable[[object], str] = builtins.input
    answered = threading.Event()

    def enter(prompt: object = "") -> str:
        print(prompt, end="", flush=True)
        time.sleep(max(deadline - time.monotonic(), 0.0))
        answered.set()
        return ""

    def interrupt() -> None:
        if not answered.wait(max(deadline - time.monotonic(), 0.0) + GRACE_S):
            interrupt_main()

    builtins.input = enter
    threading.Thread(target=interrupt, name="Ctrl-C", daemon=True).start()
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        answered.set()
        builtins.input = asks


GRACE_S = 0.1
"""Time after the deadline in which a script that waits at `input` is answered, not interrupted."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m oscilab_sim.nidaq.run",
        description="Run an unmodified nidaqmx script on virtual boards.",
    )
    parser.add_argument(
        "--device", action="append", default=[], type=_pair(str), metavar="NAME=PRODUCT",
        help=f"add a board; by default every device named in the script is a {PRODUCT}",
    )  # fmt: skip
    parser.add_argument(
        "--signal", action="append", default=[], type=_pair(_signal), metavar="INPUT=SIGNAL",
        help="the signal at an input: volts, or the name of an output",
    )  # fmt: skip
    parser.add_argument(
        "--pulse", action="append", default=[], type=_pair(float), metavar="TERMINAL=SECONDS",
        help="put an edge on a terminal this long after a task starts to wait for it",
    )  # fmt: skip
    parser.add_argument(
        "--clock", action="append", default=[], type=_pair(float), metavar="TERMINAL=HZ",
        help="connect an external clock to a terminal",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, metavar="S",
        help="end the script after this time: by Enter where it waits for it, else by Ctrl-C",
    )  # fmt: skip
    parser.add_argument("--real-time", action="store_true", help="let waiting take real time")
    parser.add_argument("script", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script")
    return parser


def _pair(read: Callable[[str], object]) -> Callable[[str], tuple[str, object]]:
    def pair(text: str) -> tuple[str, object]:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE")
        try:
            return name, read(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{value!r} of {text!r} is no number") from error

    return pair


def _signal(text: str) -> Signal:
    try:
        return float(text)
    except ValueError:
        if "/" not in text:
            raise
        return text


if __name__ == "__main__":
    main()
