"""Commands for a wired device: operate, calibrate and test it, serve its twin."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscilab.cli.options import BenchOption, SimulateOption, whole
from oscilab.cli.output import print_table, stops_reported
from oscilab.errors import DeviceFailed, InvalidInput

if TYPE_CHECKING:
    from oscilab.bench import Device
    from oscilab.calibration import Result
    from oscilab.wired import Calibration
    from oscilab.wired.operate import LineReading

Name = Annotated[str, typer.Argument(metavar="NAME", help="A wired device.")]


def safe(name: Name, bench: BenchOption = None) -> None:
    """Bring a device to its safe state, also after a crash; a run that drives it is stopped."""
    from oscilab.wired.operate import make_device_safe

    outputs = make_device_safe(_device(name, bench))
    print(f"{name}: {len(outputs)} outputs are at their safe values")


def read(name: Name, bench: BenchOption = None, simulate: SimulateOption = False) -> None:
    """Read every line of a device without driving anything."""
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
    with stops_reported(remedy), terminations_raise():
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


FEW_POINTS, FEW_RELEASES = 400, 0


def calibrate(
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="A wired device.")],
    bench: BenchOption = None,
    simulate: SimulateOption = False,
    points: Annotated[int, whole("N", 50, "Settings in the sweep of all lines.")] = 10_000,
    releases: Annotated[int, whole("N", 100, "Releases for kT and mobility.")] = 20_000,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; by default the one that the bench names."),
    ] = None,
) -> None:
    """Measure gains, offsets, temperature and mobility of a device, and store them."""
    from oscilab.bench import device_named
    from oscilab.calibration.report import calibration_picture, measured_lines
    from oscilab.wired.calibration import write_calibration

    found = device_named(device, bench)
    path = out or _named_file(found, simulate)
    _check_target(path)
    result, design = _measured(found, points, releases, simulate)
    _print_report(result, design)
    if result.faults:
        raise DeviceFailed(
            f"device {device} has {len(result.faults)} broken lines, so that no calibration was "
            "stored; repair them, then calibrate again"
        )
    write_calibration(result.calibration, path)
    title = f"calibration of {device}, {result.calibration.date:%Y-%m-%d %H:%M} UTC"
    lines = measured_lines(result, design)
    picture = calibration_picture(lines, path.with_suffix(".png"), title)
    print(f"\nwrote {path} and {picture}")
    table = f"devices.{device}.twin" if simulate else f"devices.{device}"
    if _stated_file(found, simulate) is None:
        print(f'to use it, add calibration = "{path.name}" to [{table}] of its bench file')


def self_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A wired device.")],
    bench: BenchOption = None,
    simulate: SimulateOption = False,
) -> None:
    """Drive every line of a device slightly and report its faults."""
    from oscilab.bench import device_named

    result, _ = _measured(device_named(name, bench), FEW_POINTS, FEW_RELEASES, simulate)
    _print_faults(result)
    if result.faults:
        raise DeviceFailed(f"device {name} has {len(result.faults)} broken lines; repair them")
    print(f"{name}: every line answers as it should")


def _measured(
    device: Device, points: int, releases: int, simulate: bool
) -> tuple[Result, Calibration]:
    from oscilab.calibration import calibrate as measure
    from oscilab.cli.progress import watcher
    from oscilab.interruption import terminations_raise
    from oscilab.wired.operate import driven_array
    from oscilab.wired.twins import twin_if

    remedy = "nothing was stored"
    with (
        stops_reported(remedy),
        terminations_raise(),
        twin_if(simulate, device) as driven,
        driven_array(driven, design=True) as array,
    ):
        progress = watcher()
        progress.summary("calibrating", array.plan(points + 2 * releases, 0.0))
        try:
            result = measure(array, points=points, releases=releases, progress=progress)
        finally:
            # Before the fits, which take time. `driven_array` does it again, in case a signal
            # interrupts this call.
            array.make_safe()
        return result, array.calibration


def _stated_file(device: Device, simulate: bool) -> str | None:
    from oscilab.wired.twins import twin_calibration

    return twin_calibration(device) if simulate else device.table.calibration


def _named_file(device: Device, simulate: bool) -> Path:
    stated = _stated_file(device, simulate)
    if stated is not None and device.bench is not None:
        return device.bench.folder / stated
    # A twin's calibration never replaces the device's.
    return Path(f"{device.name}.{'twin.' if simulate else ''}calibration.toml")


def _check_target(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"calibration {path} cannot be written: its folder does not exist")


def _print_report(result: Result, design: Calibration) -> None:
    from oscilab.calibration import report

    print(f"gauge: {result.calibration.gauge}\n")
    lines = report.measured_lines(result, design)
    if len(lines) <= report.MOST_ROWS:
        print_table(report.HEADINGS, report.line_rows(lines))
    else:
        print_table(report.FAMILY_HEADINGS, report.family_rows(lines))
        print(f"{len(lines)} lines; the calibration file has each")
    print()
    if result.thermal is not None:
        print_table(["constant", "value", "uncertainty"], report.constant_rows(result))
        print()
    _print_faults(result)


def _print_faults(result: Result) -> None:
    for sentence in [*result.faults, *result.notes]:
        print(sentence)


def serve(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A wired device.")],
    bench: BenchOption = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where to listen; anywhere free by default."),
    ] = None,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Serve the twin of a device until Ctrl-C: simulated hardware at the level of the wire."""
    from oscilab.bench import device_named
    from oscilab.interruption import terminations_raise
    from oscilab.wired.twins import twin_kind

    device = device_named(name, bench)
    twin = twin_kind(device).start(device, endpoint)
    try:
        with terminations_raise():
            if child:
                print(json.dumps(dict(twin.connection)), flush=True)
                # Reading ends when the parent process ends, for whatever reason.
                sys.stdin.buffer.read()
            else:
                _print_connection(name, twin.connection)
                while True:
                    time.sleep(3600)
    except KeyboardInterrupt:
        if not child:
            print("stopped")
    finally:
        twin.stop()


def _print_connection(name: str, connection: Mapping[str, object]) -> None:
    print(f"the twin of device {name} is up; its connection table, for a bench file:\n")
    print(f"[devices.{name}.connection]")
    for key, value in connection.items():
        print(f"{key} = {json.dumps(value)}")
    print("\nCtrl-C stops it", flush=True)
