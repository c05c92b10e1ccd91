"""Injected faults, between the array and any front end: what a run does when hardware fails.

[devices.virtual0.settings]
faults = [{ call = "exchange", number = 3, kind = "error" }]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from oscilab.arrays.description import Identity
from oscilab.bench.tables import Table
from oscilab.errors import DeviceFailed
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.front_end import (
    AnalogFrontEnd,
    FrontEndCapability,
    Samples,
    SeededFrontEnd,
)
from oscilab.wired.waveform import Waveform

Call = Literal["connect", "read_outputs", "set_outputs", "read_inputs", "pause", "exchange"]


class Fault(Table):
    """Call `number` (from 1) of the method `call` fails.

    `error`: it raises, and later calls work again. `nan`: its readings are NaN.
    """

    call: Call
    number: Annotated[int, Field(ge=1)] = 1
    kind: Literal["error", "nan"] = "error"


class FaultyFrontEnd:
    """A front end with injected faults around another one."""

    def __init__(self, front_end: AnalogFrontEnd, faults: Sequence[Fault]) -> None:
        self.front_end = front_end
        self._faults = {(fault.call, fault.number): fault for fault in faults}
        self._calls: Counter[str] = Counter()

    @property
    def channels(self) -> ChannelTable:
        """Those of the front end."""
        return self.front_end.channels

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """Those of the front end."""
        return self.front_end.capabilities

    @property
    def hardware(self) -> str | None:
        """That of the front end."""
        return self.front_end.hardware

    def reseed(self, seed: int) -> None:
        """See `SeededFrontEnd`; nothing where the front end is none."""
        if isinstance(self.front_end, SeededFrontEnd):
            self.front_end.reseed(seed)

    def connect(self) -> Identity:
        """See `AnalogFrontEnd`."""
        self._inject("connect")
        return self.front_end.connect()

    def close(self) -> None:
        """See `AnalogFrontEnd`."""
        self.front_end.close()

    def read_outputs(self) -> Volts:
        """See `AnalogFrontEnd`."""
        is_nan = self._inject("read_outputs")
        volts = self.front_end.read_outputs()
        return np.full_like(volts, np.nan) if is_nan else volts

    def set_outputs(self, volts: Volts) -> None:
        """See `AnalogFrontEnd`."""
        self._inject("set_outputs")
        self.front_end.set_outputs(volts)

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """See `AnalogFrontEnd`."""
        is_nan = self._inject("read_inputs")
        volts = self.front_end.read_inputs(inputs, samples)
        return np.full_like(volts, np.nan) if is_nan else volts

    def pause(self, seconds: float) -> None:
        """See `AnalogFrontEnd`."""
        self._inject("pause")
        self.front_end.pause(seconds)

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """See `AnalogFrontEnd`."""
        is_nan = self._inject("exchange")
        samples = self.front_end.exchange(waveform, rate_hz, inputs, read)
        if is_nan:
            return Samples(np.full_like(samples.volts, np.nan), samples.rate_hz)
        return samples

    def abort(self) -> None:
        """See `AnalogFrontEnd`."""
        self.front_end.abort()

    def make_safe(self) -> None:
        """See `AnalogFrontEnd`."""
        self.front_end.make_safe()

    def _inject(self, call: Call) -> bool:
        self._calls[call] += 1
        fault = self._faults.get((call, self._calls[call]))
        if fault is not None and fault.kind == "error":
            raise DeviceFailed(f"a fault put into call {fault.number} of {call} on purpose")
        return fault is not None
