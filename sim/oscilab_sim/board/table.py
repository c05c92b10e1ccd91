"""Tables of a bench file for a simulated board: the front end `virtual`, and every twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from oscilab.bench.devices import Device
from oscilab.bench.tables import Table
from oscilab.types import FloatArray
from oscilab.wired.channels import ChannelTable
from oscilab.wired.device import design_of
from oscilab_sim.board.board import VirtualBoard
from oscilab_sim.board.imperfections import Imperfections
from oscilab_sim.board.sensing import Outside
from oscilab_sim.settings import EngineName

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Event(Table):
    """Puts the interlock input `channel` at `volts` from second `at_s` of the board's clock."""

    channel: str
    at_s: Finite
    volts: Finite


class Beat(Table):
    """A heartbeat line, toggled every `every_s` of the board's clock until `until_s`."""

    channel: str
    every_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    until_s: Annotated[float, Field(ge=0)] = float("inf")


class BoardTable(Table):
    """The plant and its electronics.

    `pace` is the real time in seconds that one second of the board takes; 0 is as fast as
    possible. `levels_file` keeps the outputs `[output]` as float64 in a file. They survive the
    process, as a powered board's outputs do, and another process can read them.
    """

    engine: EngineName = "auto"
    threads: Annotated[int, Field(ge=1)] = 1
    pace: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    levels_file: str | None = None
    imperfections: Imperfections = Imperfections()
    events: list[Event] = Field(default_factory=list[Event])
    beats: list[Beat] = Field(default_factory=list[Beat])


def board_of(device: Device, channels: ChannelTable, table: BoardTable) -> VirtualBoard:
    """Return a board with `channels`, and the array that the bench wires to them.

    Raises:
        InvalidInput: a bench that cannot be used.
    """
    potential, wiring, design = design_of(device, channels)
    board = VirtualBoard(
        potential, channels, wiring, design, table.imperfections, table.engine, table.threads
    )
    if table.levels_file is not None:
        board.levels = _kept_levels(Path(table.levels_file), len(board.levels))
    for event in table.events:
        outside = board.outside.setdefault(event.channel, Outside())
        outside.events.append((event.at_s, event.volts))
    for beat in table.beats:
        board.outside.setdefault(beat.channel, Outside()).beats = (beat.every_s, beat.until_s)
    return board


def _kept_levels(path: Path, count: int) -> FloatArray:
    """Return the outputs `[output]` mapped to a file, with the last levels if it exists."""
    mode = "r+" if path.is_file() and path.stat().st_size == 8 * count else "w+"
    return np.memmap(path, np.float64, mode, shape=(count,))
