"""The lines of a device: what a bench says of them, what the device says, codes and volts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oscilab.errors import DeviceFailed, OutOfLimits
from oscilab.types import IndexArray, Volts
from oscilab.wired.channels import Channel
from oscilab_firmware.messages import BankKind
from oscilab_firmware.payloads import Bank, Codes

NAMES = {
    BankKind.ANALOG_OUTPUT: "ao",
    BankKind.DIGITAL_OUTPUT: "do",
    BankKind.ANALOG_INPUT: "ai",
    BankKind.DIGITAL_INPUT: "di",
}
OUTPUTS = (BankKind.ANALOG_OUTPUT, BankKind.DIGITAL_OUTPUT)
DIGITAL = (BankKind.DIGITAL_OUTPUT, BankKind.DIGITAL_INPUT)


@dataclass(frozen=True)
class CodedLine:
    """One line: volts = lower + code * step, codes 0 to `top`; digital lines are at 0 or 1."""

    name: str
    kind: BankKind
    lower: float
    step: float
    top: int
    slew: float
    power_on: int

    @property
    def upper(self) -> float:
        """Volts of the largest code."""
        return self.volts(self.top)

    def volts(self, code: int) -> float:
        """The volts of a code."""
        return self.lower + code * self.step

    def code(self, volts: float) -> int:
        """The nearest code; it may lie beyond the converter's ends."""
        return round((volts - self.lower) / self.step)

    def channel(self) -> Channel:
        """As the seam describes it."""
        way = "out" if self.kind in OUTPUTS else "in"
        if self.kind in DIGITAL:
            return Channel(self.name, "digital", way, safe=float(self.power_on))
        slew = self.slew or float("inf")
        safe = self.volts(self.power_on)
        return Channel(self.name, "analog", way, self.lower, self.upper, self.step, slew, safe)


class Banks:
    """All lines, outputs and inputs numbered as the protocol numbers them."""

    def __init__(self, banks: Sequence[Bank]) -> None:
        self.banks = tuple(banks)
        lines = list(_lines(banks))
        self.outputs = [line for line in lines if line.kind in OUTPUTS]
        self.inputs = [line for line in lines if line.kind not in OUTPUTS]

    def channels(self) -> list[Channel]:
        """Every line as the seam describes it."""
        return [line.channel() for line in (*self.outputs, *self.inputs)]

    def output_codes(self, volts: Volts, numbers: IndexArray) -> Codes:
        """The nearest codes of `volts` `[line]` or `[line, step]` on the outputs `numbers`.

        Raises:
            OutOfLimits: beyond what a converter can do, or not a number.
        """
        low, step, top = (column[numbers] for column in self._output_scale)
        if volts.ndim == 2:
            low, step, top = low[:, np.newaxis], step[:, np.newaxis], top[:, np.newaxis]
        codes = np.rint((volts - low) / step)
        # Comparisons with NaN are false: what is not a number is found as well.
        inside = (codes >= 0) & (codes <= top)
        if not inside.all():
            place = tuple(np.argwhere(~inside)[0].tolist())
            line = self.outputs[int(numbers[place[0]])]
            raise OutOfLimits(
                f"output {line.name} was to be put at {volts[place]:g} V, beyond its converter's "
                f"{line.lower:g} to {line.upper:g} V; change the set-point"
            )
        return codes.astype(np.uint16)

    def output_volts(self, codes: Codes) -> Volts:
        """Volts of the codes of all outputs, `[output]`."""
        low, step, _ = self._output_scale
        return low + codes * step

    def input_volts(self, codes: Codes, numbers: Sequence[int]) -> Volts:
        """Volts `[..., input]` of codes of the inputs `numbers`."""
        low, step, _ = self._input_scale
        chosen = np.asarray(numbers, np.intp)
        return low[chosen] + codes * step[chosen]

    @cached_property
    def _output_scale(self) -> tuple[Volts, Volts, Volts]:
        return _scale(self.outputs)

    @cached_property
    def _input_scale(self) -> tuple[Volts, Volts, Volts]:
        return _scale(self.inputs)

    def refuse_other(self, device: Banks, where: str) -> None:
        """Refuse a device whose lines are not these.

        Raises:
            DeviceFailed: naming the first difference.
        """
        mine, others = _counts(self), _counts(device)
        if mine != others:
            raise DeviceFailed(
                f"{where}: the bench describes {mine}, but the device has {others}; mend the "
                "connection table"
            )
        for ours, theirs in zip(
            [*self.outputs, *self.inputs], [*device.outputs, *device.inputs], strict=True
        ):
            if ours != theirs:
                raise DeviceFailed(
                    f"{where}: the bench describes {_described(ours)}, but the device has "
                    f"{_described(theirs)}; mend the connection table"
                )


def _lines(banks: Iterable[Bank]) -> Iterable[CodedLine]:
    seen = dict.fromkeys(BankKind, 0)
    for bank in banks:
        kind = BankKind(bank.kind)
        lower, step = (0.0, 1.0) if kind in DIGITAL else (bank.lower_uV / 1e6, bank.step_nV / 1e9)
        for _ in range(bank.channels):
            name = f"{NAMES[kind]}{seen[kind]}"
            seen[kind] += 1
            yield CodedLine(name, kind, lower, step, bank.top, bank.slew, bank.power_on)


def _scale(lines: Sequence[CodedLine]) -> tuple[Volts, Volts, Volts]:
    columns = [(line.lower, line.step, float(line.top)) for line in lines]
    low, step, top = np.array(columns, np.float64).reshape(-1, 3).T
    return low, step, top


def _described(line: CodedLine) -> str:
    if line.kind in DIGITAL:
        return f"{line.name}, digital"
    slew = f", {line.slew:g} V/s" if line.slew else ""
    return (
        f"{line.name} from {line.lower:g} to {line.upper:g} V in {line.top} steps{slew}, "
        f"{line.volts(line.power_on):g} V at power-on"
    )


def _counts(banks: Banks) -> str:
    kinds = [line.kind for line in (*banks.outputs, *banks.inputs)]
    said = [
        f"{kinds.count(kind)} {kind.name.lower().replace('_', ' ')}s"
        for kind in BankKind
        if kind in kinds
    ]
    return ", ".join(said) or "no lines"
