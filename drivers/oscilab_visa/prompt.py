"""The prompt `oscilab scpi NAME INSTRUMENT`, for talking to one instrument of a rack."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscilab.cli.options import BenchOption, SimulateOption

if TYPE_CHECKING:
    from oscilab.bench import Device
    from oscilab_visa.connection import Connection, Unit
    from oscilab_visa.link import Link

HELP = "a query prints its answer, anything else is sent; Ctrl-D exits"
_QUERY = re.compile(r"(?:^|;)\s*[*:A-Za-z0-9_]+\?")


def scpi(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device with SCPI instruments.")],
    instrument: Annotated[
        str | None, typer.Argument(metavar="INSTRUMENT", help="One of its instruments.")
    ] = None,
    commands: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND...", help="Commands to send in turn, instead of a prompt."),
    ] = None,
    bench: BenchOption = None,
    simulate: SimulateOption = False,
) -> None:
    """Talk to one SCPI instrument of a device; limits and interlocks are not applied here."""
    from oscilab.bench import device_named
    from oscilab.wired.twins import twin_if

    with twin_if(simulate, device_named(name, bench)) as device:
        described = _connection(device)
        unit = _unit(device, described, instrument)
        _with_lock(device, lambda: _talk(device, described, unit, commands or []))


def _talk(device: Device, described: Connection, unit: Unit, commands: Sequence[str]) -> None:
    from oscilab.errors import DeviceFailed
    from oscilab_visa.link import Link, resource_manager

    link = Link(unit, resource_manager(described.library), described.timeout_s)
    try:
        if commands:
            for command in commands:
                _send(link, command)
            return
        print(f"{unit.name}: {link.ask('*IDN?')}")
        print(f"at {unit.resource}; {HELP}; limits and interlocks are not applied here")
        for line in _lines(f"{device.name} {unit.name}> "):
            try:
                _send(link, line)
            except DeviceFailed as error:
                print(error)
                link.revive()
                for left in link.errors():
                    print(f"error {left}")
    finally:
        link.close()


def _send(link: Link, text: str) -> None:
    if _QUERY.search(text):
        print(link.ask(text))
        for error in link.errors():
            print(f"error {error}")
    else:
        link.command(text)


def _lines(prompt: str) -> Iterator[str]:
    """Yield the operator's lines, from a terminal with history or from a file."""
    ask = _terminal(prompt) if sys.stdin.isatty() else sys.stdin.readline
    while True:
        try:
            line = ask()
        except EOFError:
            return
        except KeyboardInterrupt:
            # Discard the line, as a shell does.
            continue
        if not line and not sys.stdin.isatty():
            return
        if line.strip():
            yield line.strip()


def _terminal(prompt: str) -> Callable[[], str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.history import FileHistory

    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history_file())), auto_suggest=AutoSuggestFromHistory()
    )
    return lambda: session.prompt(prompt)


def history_file() -> Path:
    """Return the file of the prompt's history."""
    from platformdirs import user_state_path

    folder = user_state_path("oscilab", appauthor=False, ensure_exists=True)
    return folder / "scpi-history"


def _with_lock(device: Device, act: Callable[[], None]) -> None:
    from oscilab.wired.device import open_front_end
    from oscilab.wired.lock import DeviceLock

    hardware = open_front_end(device).hardware
    lock = DeviceLock(hardware, device.name) if hardware else None
    try:
        act()
    finally:
        if lock is not None:
            lock.release()


def _connection(device: Device) -> Connection:
    from oscilab.errors import InvalidInput
    from oscilab_visa.rack import read_connection

    if device.table.front_end != "scpi":
        raise InvalidInput(
            f"device {device.name} has the front end {device.table.front_end!r}, not scpi; name a "
            "device with SCPI instruments, such as rack0"
        )
    return read_connection(device.table.connection or {}, device.name, device.where)


def _unit(device: Device, described: Connection, name: str | None) -> Unit:
    from oscilab.errors import InvalidInput
    from oscilab.plugins import choices
    from oscilab_visa.connection import units_of

    units = {unit.name: unit for unit in units_of(described)}
    if name is None and len(units) == 1:
        return next(iter(units.values()))
    if name not in units:
        asked = "which instrument" if name is None else f"unknown instrument {name!r}"
        raise InvalidInput(
            f"{asked} of device {device.name}; {choices(name or '', units, 'it has')}"
        )
    return units[name]
