"""Commands that show benches, devices and experiments, without touching hardware."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscilab.cli.options import BenchOption
from oscilab.cli.output import print_table
from oscilab.errors import InvalidInput

if TYPE_CHECKING:
    from oscilab.bench import Device


def experiments(
    settings: Annotated[
        bool, typer.Option("--settings", help="List the keys that `train --set` takes, instead.")
    ] = False,
) -> None:
    """List the experiments that can be trained, or their settings."""
    from oscilab.experiment import Settings, list_experiments

    if settings:
        from oscilab.traces.summary import flat

        defaults = flat(Settings().model_dump(mode="json"))
        rows = [[key, json.dumps(value)] for key, value in defaults.items() if key != "experiment"]
        print_table(["key", "default"], rows)
        print("\nExperiments start from defaults of their own; `train` prints what it uses.")
        return
    print_table(["experiment", "what it is"], list_experiments().items())


def devices(bench: BenchOption = None) -> None:
    """List the devices that can be named, and where each is described."""
    from oscilab.bench import find, list_devices

    found = list_devices(bench)
    _print_devices(found)
    examples = find.example_benches().values()
    if all(device.bench is None or device.bench.path in examples for device in found):
        print("\nTo add one, write a bench file with `oscilab init-bench` and edit it.")
    else:
        print("\nTo add one, edit a bench file; `oscilab benches` says which is read.")


def benches(bench: BenchOption = None) -> None:
    """List where bench files are searched for, and which exist."""
    from oscilab.bench import find

    places = find.search_order(bench)
    used = next((place for place in places if place.holds_bench), None)
    rows: list[tuple[str, str, str]] = []
    for place in places:
        state = "used" if place is used else "not used" if place.holds_bench else "none"
        rows.append((place.name, state, str(place.path) if place.path else "not given"))
    print_table(["looked for in this order", "bench", "path"], rows)
    named = [
        *((name, "user", str(path)) for name, path in find.user_benches().items()),
        *((name, "example", str(path)) for name, path in find.example_benches().items()),
    ]
    if named:
        print()
        print_table(["name for --bench", "kind", "path"], named)
    print(f"\nA file NAME.toml in {find.user_folder()} can be given as --bench NAME.")


def check(
    bench: Annotated[
        str | None,
        typer.Argument(
            metavar="BENCH", help="Name or path of a bench file; the one in use by default."
        ),
    ] = None,
) -> None:
    """Check a bench file without touching any hardware."""
    from oscilab.bench import check_device, devices_of, find_bench, read_bench

    path = find_bench(bench)
    if path is None:
        raise InvalidInput("there is no bench file to check; write one with `oscilab init-bench`")
    read = read_bench(path)
    found = devices_of(read)
    warnings = [(device.name, line) for device in found for line in check_device(device)]
    if found:
        _print_devices(found)
        print()
    for name, warning in warnings:
        print(f"{name}: {warning}")
    print(f"{read.path}: {len(found)} devices, all well described")


def init_bench(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")] = Path(
        "bench.toml"
    ),
) -> None:
    """Write a commented example of a bench file."""
    write_example(path)
    print(f"wrote {path}; edit it, then run `oscilab check {path}`")


def _print_devices(found: list[Device]) -> None:
    rows: list[tuple[str, ...]] = []
    for device in found:
        table, topology = device.table, device.topology()
        kind = f"{table.array}, {table.front_end}" if table.front_end else table.array
        rows.append((device.name, kind, topology.name if topology else "any", device.origin))
    print_table(["device", "array", "topology", "described in"], rows)


def example_text() -> bytes:
    """Return the example bench file as UTF-8."""
    return (files("oscilab.cli") / "example_bench.toml").read_bytes()


def write_example(path: Path) -> None:
    """Write the example as the new file `path`, whole or not at all.

    Raises:
        InvalidInput: the file exists, or cannot be written.
    """
    text, created = example_text(), False
    try:
        # Mode "x" creates the file only if it does not exist, in one step.
        with path.open("xb") as file:
            created = True
            file.write(text)
    except FileExistsError as error:
        raise InvalidInput(
            f"{path} exists and is not overwritten; give another path, or move it away"
        ) from error
    except OSError as error:
        if created:
            path.unlink()
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror or error}; give a path in a folder that "
            "exists and can be written"
        ) from error
