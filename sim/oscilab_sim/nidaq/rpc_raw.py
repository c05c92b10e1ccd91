"""RPCs that read analog inputs unscaled, as the codes of their converters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.channel_properties import raw_bits, step_V
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.reading import read_samples
from oscilab_sim.nidaq.rpc_data import reader
from oscilab_sim.nidaq.tasks import Kind, VirtualTask


class RawRpcs:
    """Codes are signed; a voltage beyond the range reads as the last code."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def ReadRaw(self, request: Any, alive: Alive) -> Reply:
        """Bytes, one sample of all channels after the other."""
        codes, fault, task = self._codes(request, alive)
        widths = [raw_bits(self._driver.chassis.boards[device]) for device in task.devices]
        samples = codes.T.astype(np.int16 if max(widths) == 16 else np.int32)
        reply = {
            "read_array": np.ascontiguousarray(samples).tobytes(),
            "samps_read": codes.shape[1],
            "num_bytes_per_samp": max(widths) // 8,
        }
        return reply if fault is None else {**reply, "status": fault.code}

    def ReadBinaryI16(self, request: Any, alive: Alive) -> Reply:
        """Codes of 16 bits; those of finer boards are cut, as NI-DAQmx does."""
        return self._binary(request, alive, np.int16)

    def ReadBinaryI32(self, request: Any, alive: Alive) -> Reply:
        """Codes of 32 bits."""
        return self._binary(request, alive, np.int32)

    def _binary(self, request: Any, alive: Alive, kind: type[np.integer[Any]]) -> Reply:
        codes, fault, _ = self._codes(request, alive)
        by_channel = raw(request, "fill_mode") == 0
        ordered = (codes if by_channel else codes.T).astype(kind)
        reply = {
            "read_array": np.ascontiguousarray(ordered).ravel(),
            "samps_per_chan_read": codes.shape[1],
        }
        return reply if fault is None else {**reply, "status": fault.code}

    def _codes(
        self, request: Any, alive: Alive
    ) -> tuple[NDArray[np.int32], DaqFault | None, VirtualTask]:
        """Codes `[channel, sample]`, what kept the rest from coming, and the task."""
        task = reader(self._driver, request, Kind.AI)
        volts, fault = read_samples(
            self._driver, task, request.num_samps_per_chan, request.timeout, alive
        )
        boards = [self._driver.chassis.boards[place.device] for place in task.lines]
        steps = np.array([[step_V(board)] for board in boards])
        last = np.array([[2 ** (board.bits - 1)] for board in boards])
        codes = np.clip(np.rint(volts / steps), -last, last - 1)
        return codes.astype(np.int32), fault, task
