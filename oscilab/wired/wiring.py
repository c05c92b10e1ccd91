"""Which line is what: outputs to drive parameters and clamps, inputs from the sensors.

A wiring is a CSV file of two columns, or the same inline:

    channel,target
    ao0,stiffness[0]
    ao1,"coupling[0,1]"
    ao2,clamp[0]
    do0,clamp_enable
    ai0,position[0]
    ai1,force[0]

`clamp_enable` switches all clamps, `clamp_enable[i]` one of them. It must be complete and
unambiguous: it names every parameter of the device, every clamp and every position exactly once,
and every force or none.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oscilab.errors import InvalidInput
from oscilab.physics.potential import Potential
from oscilab.plugins import choices
from oscilab.wired.channels import ChannelTable

CLAMP, ENABLE, POSITION, FORCE = "clamp", "clamp_enable", "position", "force"
IN_ORDER = "in_order"


@dataclass(frozen=True)
class WiringRow:
    """One line of a wiring; `place` says where it was read, for messages."""

    channel: str
    target: str
    place: str


@dataclass(frozen=True, eq=False)
class Wiring:
    """A checked wiring.

    `targets` maps channel to target; `parameters` the name of a parameter to its channel;
    `clamps`, `positions` and `forces` are channels by oscillator (`forces` may be empty);
    `enables` is one channel for all, or one an oscillator.
    """

    targets: Mapping[str, str]
    parameters: Mapping[str, str]
    clamps: tuple[str, ...]
    enables: tuple[str, ...]
    positions: tuple[str, ...]
    forces: tuple[str, ...]


def family_of(target: str) -> str:
    """Return the family of a target: `coupling` of `coupling[0,1]`."""
    return target.partition("[")[0]


def wire(rows: Iterable[WiringRow], potential: Potential, channels: ChannelTable) -> Wiring:
    """Return the wiring that `rows` describe, for a device of this potential and front end.

    Raises:
        InvalidInput: a channel or target named twice or unknown, a direction or kind that does not
            fit, or a target that is not wired; the message names the row.
    """
    targets: dict[str, str] = {}
    where: dict[str, str] = {}
    known = _targets(potential)
    for row in rows:
        target = row.target.replace(" ", "")
        if row.channel in targets:
            raise InvalidInput(
                f"{row.place}: channel {row.channel} is wired to {targets[row.channel]} already; "
                "wire a channel once"
            )
        if target in where:
            raise InvalidInput(
                f"{row.place}: {target} is wired to {where[target]} already; wire a target once"
            )
        if target not in known:
            raise InvalidInput(
                f"{row.place}: unknown target {target!r}; "
                f"{choices(target, _similar(target, known), 'such as')}"
            )
        _check_channel(row, known[target], channels)
        targets[row.channel] = target
        where[target] = row.channel
    return _complete(targets, where, potential)


def in_order(potential: Potential, channels: ChannelTable) -> list[WiringRow]:
    """Return rows that take the channels in order: parameters, then clamps, on the analog outputs;
    the clamp enable on the first digital output; positions, then forces, on the analog inputs.

    Raises:
        InvalidInput: too few channels.
    """
    sites = range(potential.oscillators)
    wanted = {
        ("analog", "out"): [*potential.names, *(f"{CLAMP}[{i}]" for i in sites)],
        ("digital", "out"): [ENABLE],
        ("analog", "in"): [
            *(f"{POSITION}[{i}]" for i in sites), *(f"{FORCE}[{i}]" for i in sites)
        ],
    }  # fmt: skip
    rows: list[WiringRow] = []
    for (kind, direction), targets in wanted.items():
        both = [*channels.outputs, *channels.inputs]
        there = [c.name for c in both if (c.kind, c.direction) == (kind, direction)]
        if len(there) < len(targets):
            raise InvalidInput(
                f"a wiring in order needs {len(targets)} {kind} {direction}puts, but the front end "
                f"has {len(there)}; add boards, or choose a smaller topology or fewer terms"
            )
        rows += [
            WiringRow(channel, target, "wiring in order")
            for channel, target in zip(there, targets, strict=False)
        ]
    return rows


def read_csv(path: Path) -> list[WiringRow]:
    """Return the rows of a wiring file; `#` starts a comment.

    Raises:
        InvalidInput: it cannot be read, or a line is not a channel and a target.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"wiring {path} cannot be read: {error}; check its path") from error
    rows: list[WiringRow] = []
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in next(csv.reader([line.partition("#")[0]]), list[str]())]
        place = f"wiring {path}, line {number}"
        if not any(cells) or cells == ["channel", "target"]:
            continue
        if len(cells) != 2 or not all(cells):
            raise InvalidInput(
                f'{place}: {line.strip()!r} is not a channel and a target, such as ao1,"coupling'
                '[0,1]" with the quotes'
            )
        rows.append(WiringRow(cells[0], cells[1], place))
    return rows


def inline_rows(value: Mapping[str, Any] | Sequence[Any], where: str) -> list[WiringRow]:
    """Return the rows of an inline wiring: `{ ao0 = "stiffness[0]" }`, or a list of pairs.

    Raises:
        InvalidInput: something else.
    """
    if isinstance(value, Mapping):
        pairs = [(channel, target, f"{where}.{channel}") for channel, target in value.items()]
    else:
        pairs = [_pair(item, f"{where}[{number}]") for number, item in enumerate(value)]
    rows: list[WiringRow] = []
    for channel, target, place in pairs:
        if not isinstance(target, str) or not isinstance(channel, str):
            raise InvalidInput(f"{place} is {target!r}, but must be a target such as stiffness[0]")
        rows.append(WiringRow(channel, target, place))
    return rows


def _pair(item: Any, place: str) -> tuple[Any, Any, str]:
    if not isinstance(item, dict) or item.keys() != {"channel", "target"}:
        raise InvalidInput(f"{place} must be a table of channel and target, and nothing else")
    return item["channel"], item["target"], place  # pyright: ignore[reportUnknownVariableType]


def _targets(potential: Potential) -> dict[str, tuple[str, str]]:
    sites = range(potential.oscillators)
    known = dict.fromkeys(potential.names, ("analog", "out"))
    known |= {f"{CLAMP}[{i}]": ("analog", "out") for i in sites}
    known |= {ENABLE: ("digital", "out")} | {f"{ENABLE}[{i}]": ("digital", "out") for i in sites}
    known |= {f"{what}[{i}]": ("analog", "in") for what in (POSITION, FORCE) for i in sites}
    return known


def _similar(target: str, known: Iterable[str]) -> list[str]:
    family = re.escape(family_of(target))
    same = [name for name in known if re.match(rf"{family}\W", name)]
    return (same or list(known))[:12]


def _check_channel(row: WiringRow, wanted: tuple[str, str], channels: ChannelTable) -> None:
    kind, direction = wanted
    numbers = {**channels.output_numbers, **channels.input_numbers}
    if row.channel not in numbers:
        raise InvalidInput(
            f"{row.place}: the front end has no channel {row.channel!r}; "
            f"{choices(row.channel, list(numbers)[:12], 'such as')}"
        )
    is_output = row.channel in channels.output_numbers
    channel = channels.output(row.channel) if is_output else channels.input(row.channel)
    if (channel.kind, channel.direction) != (kind, direction):
        raise InvalidInput(
            f"{row.place}: {row.target} needs an {kind} {direction}put, but {row.channel} is an "
            f"{channel.kind} {channel.direction}put; choose another channel"
        )


def _complete(targets: Mapping[str, str], where: Mapping[str, str], potential: Potential) -> Wiring:
    sites = range(potential.oscillators)

    def all_of(what: str) -> tuple[str, ...]:
        return tuple(_needed(where, f"{what}[{i}]") for i in sites)

    enables = (where[ENABLE],) if ENABLE in where else all_of(ENABLE)
    if ENABLE in where and any(f"{ENABLE}[0]" == target for target in where):
        raise InvalidInput(f"the wiring has both {ENABLE} and {ENABLE}[0]; keep one kind")
    has_forces = any(family_of(target) == FORCE for target in where)
    return Wiring(
        targets=targets,
        parameters={name: _needed(where, name) for name in potential.names},
        clamps=all_of(CLAMP),
        enables=enables,
        positions=all_of(POSITION),
        forces=all_of(FORCE) if has_forces else (),
    )


def _needed(where: Mapping[str, str], target: str) -> str:
    if target not in where:
        raise InvalidInput(f"the wiring names no channel for {target}; add a line for it")
    return where[target]
