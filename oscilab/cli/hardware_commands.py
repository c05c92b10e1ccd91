"""The commands for an operator beside a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from oscilab.cli.bench_commands import BenchOption, SimulateOption
from oscilab.cli.output import print_table, stops_told

if TYPE_CHECKING:
    from oscilab.bench import Device
    from oscilab.wired.operate import LineReading

Name = Annotated[str, typer.Argument(metavar="NAME", help="A wired device.")]


def safe(name: Name, bench: BenchOption = None) -> None:
    """Bring a device to its safe state, also after a crash; a run that drives it is stopped."""
    from oscilab.wired.operate import make_device_safe

    outputs = make_device_safe(_device(name, bench))
    print(f"{name}: {len(outputs)} outputs are at their safe values")


def read(name: Name, bench: BenchOption = None, simulate: SimulateOption = False) -> None:
    """Read every line of a device, and drive nothing."""
    from oscilab.wired.operate import read_device
    from oscilab.wired.twins import twin_if

    with twin_if(simulate, _device(name, bench)) as device:
        _print_lines(read_device(device))


def set_line(
    name: Name,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="One of its outputs.")],
    volts: Annotated[float, typer.Argument(metavar="VOLTS", help="Within its limits.")],
    bench: BenchOption = None,
) -> None:
    """Ramp one output to a voltage and leave it there."""
    from oscilab.interruption import terminations_raise
    from oscilab.wired.operate import set_output

    remedy = f"the output may be on its way; `oscilab safe {name}` brings it back"
    with stops_told(remedy), terminations_raise():
        _print_lines([set_output(_device(name, bench), channel, volts)])


def _device(name: str, bench: str | None) -> Device:
    from oscilab.bench import device_named

    return device_named(name, bench)


def _print_lines(lines: Sequence[LineReading]) -> None:
    rows = [
        (
            line.channel,
            line.target,
            f"{line.volts:.6g}",
            "" if line.value is None else f"{line.value:.6g}",
        )
        for line in lines
    ]
    print_table(["channel", "target", "volts", "in array units"], rows)
