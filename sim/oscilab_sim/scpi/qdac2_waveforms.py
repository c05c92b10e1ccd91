"""What a QDAC-II holds to be played: traces, and a list of volts for each channel."""

from __future__ import annotations

import numpy as np

from oscilab.types import Volts
from oscilab_sim.scpi.call import Call, plain
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.qdac2_settings import CHANNELS, HIGH_V
from oscilab_sim.scpi.tree import CommandTree

MOST_POINTS = 2_000_000


class Waveforms:
    """`traces` by name, for the AWG of any channel, and `lists` by channel."""

    def __init__(self) -> None:
        self.traces: dict[str, Volts] = {}
        self.lists: dict[int, Volts] = {}

    def add_commands(self, tree: CommandTree) -> None:
        """Those that fill, remove and tell of them."""
        tree.add("TRACe:DEFine", self._define)
        tree.add("TRACe:DATA", self._fill)
        tree.add("TRACe:REMove", self._remove)
        tree.add("TRACe:REMove:ALL", lambda call: self.traces.clear())
        tree.add("TRACe:CATalog", ask=lambda call: ",".join(f'"{name}"' for name in self.traces))
        tree.add("SOURce#:LIST:VOLTage", self._set_list, self._ask_list)
        tree.add("SOURce#:LIST:VOLTage:APPend", self._append_list)
        tree.add("SOURce#:LIST:POINts", ask=lambda call: str(len(self._list_of(call))))

    def clear(self) -> None:
        """Forget all."""
        self.traces.clear()
        self.lists.clear()

    def _define(self, call: Call) -> None:
        call.expect(2)
        self.traces[call.text(0)] = np.zeros(call.integer(1, 1, MOST_POINTS))

    def _fill(self, call: Call) -> None:
        name = call.text(0)
        if name not in self.traces:
            raise ScpiError(-224)
        values = call.numbers(1, swapped=True)
        if len(values) > len(self.traces[name]):
            raise ScpiError(-223)
        self.traces[name] = values

    def _remove(self, call: Call) -> None:
        call.expect(1)
        if self.traces.pop(call.text(0), None) is None:
            raise ScpiError(-224)

    def _set_list(self, call: Call) -> None:
        number = _channel(call)
        self.lists[number] = call.numbers(0, swapped=True, low=-HIGH_V, high=HIGH_V)

    def _append_list(self, call: Call) -> None:
        number = _channel(call)
        more = call.numbers(0, swapped=True, low=-HIGH_V, high=HIGH_V)
        self.lists[number] = np.concatenate([self.lists.get(number, np.zeros(0)), more])

    def _list_of(self, call: Call) -> Volts:
        return self.lists.get(_channel(call), np.zeros(0))

    def _ask_list(self, call: Call) -> str:
        return ",".join(plain(value) for value in self._list_of(call).tolist())


def repeated(volts: Volts, count: float) -> Volts:
    """`volts` played `count` times, or once where that is for ever."""
    # A generator that runs for ever is stopped by the next command; one round tells its shape.
    times = int(count) if 0 < count < MOST_POINTS / len(volts) else 1
    return np.tile(volts, times)


def _channel(call: Call) -> int:
    number = call.suffixes[0]
    if number not in CHANNELS:
        raise ScpiError(-114)
    return number
