"""`oscilab calibrate` and `oscilab test`: what the lines of a device really do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscilab.cli.bench_commands import BenchOption, SimulateOption
from oscilab.cli.numbers import whole
from oscilab.cli.output import print_table, stops_told
from oscilab.errors import DeviceFailed, InvalidInput

if TYPE_CHECKING:
    from oscilab.bench import Device
    from oscilab.calibration import Result
    from oscilab.wired import Calibration

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
    from oscilab.calibration.report import calibration_picture
    from oscilab.wired.calibration import write_calibration

    found = device_named(device, bench)
    path = out or _named_file(found, simulate)
    _check_target(path)
    result, design = _measured(found, points, releases, simulate)
    _print_report(result, design)
    if result.faults:
        raise DeviceFailed(
            f"device {device} has {len(result.faults)} broken lines, so that no calibration was "
            "stored; mend them, then calibrate again"
        )
    write_calibration(result.calibration, path)
    title = f"calibration of {device}, {result.calibration.date:%Y-%m-%d %H:%M} UTC"
    picture = calibration_picture(result, design, path.with_suffix(".png"), title)
    print(f"\nwrote {path} and {picture}")
    table = f"devices.{device}.twin" if simulate else f"devices.{device}"
    if _stated_file(found, simulate) is None:
        print(f'to use it, add calibration = "{path.name}" to [{table}] of its bench file')


def self_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A wired device.")],
    bench: BenchOption = None,
    simulate: SimulateOption = False,
) -> None:
    """Drive every line of a device a little and say what is wrong with it."""
    from oscilab.bench import device_named

    result, _ = _measured(device_named(name, bench), FEW_POINTS, FEW_RELEASES, simulate)
    _print_faults(result)
    if result.faults:
        raise DeviceFailed(f"device {name} has {len(result.faults)} broken lines; mend them")
    print(f"{name}: every line answers as it should")


def _measured(
    device: Device, points: int, releases: int, simulate: bool
) -> tuple[Result, Calibration]:
    from oscilab.calibration import calibrate as measure
    from oscilab.cli.watch import watcher
    from oscilab.interruption import terminations_raise
    from oscilab.wired.operate import driven_array
    from oscilab.wired.twins import twin_if

    remedy = "nothing was stored"
    with (
        stops_told(remedy),
        terminations_raise(),
        twin_if(simulate, device) as driven,
        driven_array(driven, design=True) as array,
    ):
        progress = watcher()
        progress.summary("calibrating", array.plan(points + 2 * releases, 0.0))
        try:
            result = measure(array, points=points, releases=releases, progress=progress)
        finally:
            # Before the fits' tables are made; and once more by `driven_array`, where a signal
            # comes just as this begins.
            array.make_safe()
        return result, array.calibration


def _stated_file(device: Device, simulate: bool) -> str | None:
    from oscilab.wired.twins import twin_calibration

    return twin_calibration(device) if simulate else device.table.calibration


def _named_file(device: Device, simulate: bool) -> Path:
    stated = _stated_file(device, simulate)
    if stated is not None and device.bench is not None:
        return device.bench.folder / stated
    # A twin's calibration never takes the place of the device's.
    return Path(f"{device.name}.{'twin.' if simulate else ''}calibration.toml")


def _check_target(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"calibration {path} cannot be written: its folder does not exist")


def _print_report(result: Result, design: Calibration) -> None:
    from oscilab.calibration import report

    print(f"gauge: {result.calibration.gauge}\n")
    rows = report.line_rows(result, design)
    if len(rows) <= report.MOST_ROWS:
        print_table(report.HEADINGS, rows)
    else:
        print_table(report.FAMILY_HEADINGS, report.family_rows(result, design))
        print(f"{len(rows)} lines; the calibration file has each")
    print()
    if result.thermal is not None:
        print_table(["constant", "value", "uncertainty"], report.constant_rows(result))
        print()
    _print_faults(result)


def _print_faults(result: Result) -> None:
    for sentence in [*result.faults, *result.notes]:
        print(sentence)
