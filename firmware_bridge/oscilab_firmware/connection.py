"""The table `connection` of the front end `firmware`, and its lines in codes and volts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from oscilab.bench.tables import Table
from oscilab.errors import DeviceFailed, OutOfLimits
from oscilab.types import IndexArray, Volts
from oscilab.wired.channels import Channel
from oscilab_firmware.line import UsbIdentity
from oscilab_firmware.messages import Bank, BankKind, Codes

NAMES = {
    BankKind.ANALOG_OUTPUT: "ao",
    BankKind.DIGITAL_OUTPUT: "do",
    BankKind.ANALOG_INPUT: "ai",
    BankKind.DIGITAL_INPUT: "di",
}
OUTPUTS = (BankKind.ANALOG_OUTPUT, BankKind.DIGITAL_OUTPUT)
DIGITAL = (BankKind.DIGITAL_OUTPUT, BankKind.DIGITAL_INPUT)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=0xFFFF)]


@dataclass(frozen=True)
class CodedLine:
    """One line: volts = lower + code * step for codes 0 to `top`; digital lines are 0 or 1."""

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
        """Return the volts of a code."""
        return self.lower + code * self.step

    def code(self, volts: float) -> int:
        """Return the nearest code; it may lie outside the converter's range."""
        return round((volts - self.lower) / self.step)

    def channel(self) -> Channel:
        """Return the line as a channel of the front-end seam."""
        way = "out" if self.kind in OUTPUTS else "in"
        if self.kind in DIGITAL:
            return Channel(self.name, "digital", way, safe=float(self.power_on))
        slew = self.slew or float("inf")
        safe = self.volts(self.power_on)
        return Channel(self.name, "analog", way, self.lower, self.upper, self.step, slew, safe)


class Banks:
    """All lines; outputs and inputs are numbered as in the protocol."""

    def __init__(self, banks: Sequence[Bank]) -> None:
        self.banks = tuple(banks)
        lines = list(_lines(banks))
        self.outputs = [line for line in lines if line.kind in OUTPUTS]
        self.inputs = [line for line in lines if line.kind not in OUTPUTS]

    def channels(self) -> list[Channel]:
        """Return every line as a channel of the front-end seam."""
        return [line.channel() for line in (*self.outputs, *self.inputs)]

    def output_codes(self, volts: Volts, numbers: IndexArray) -> Codes:
        """Return the nearest codes of `volts` `[line]` or `[line, step]` on the outputs `numbers`.

        Raises:
            OutOfLimits: beyond the range of a converter, or not a number.
        """
        low, step, top = (column[numbers] for column in self._output_scale)
        if volts.ndim == 2:
            low, step, top = low[:, np.newaxis], step[:, np.newaxis], top[:, np.newaxis]
        codes = np.rint((volts - low) / step)
        # Comparisons with NaN are false, so NaN is refused as well.
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
        """Return the volts of the codes of all outputs, `[output]`."""
        low, step, _ = self._output_scale
        return low + codes * step

    def input_volts(self, codes: Codes, numbers: Sequence[int]) -> Volts:
        """Return volts `[..., input]` of codes of the inputs `numbers`."""
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
        """Refuse a device with other lines than these.

        Raises:
            DeviceFailed: the message names the first difference.
        """
        mine, others = _counts(self), _counts(device)
        if mine != others:
            raise DeviceFailed(
                f"{where}: the bench describes {mine}, but the device has {others}; correct the "
                "connection table"
            )
        for ours, theirs in zip(
            [*self.outputs, *self.inputs], [*device.outputs, *device.inputs], strict=True
        ):
            if ours != theirs:
                raise DeviceFailed(
                    f"{where}: the bench describes {_described(ours)}, but the device has "
                    f"{_described(theirs)}; correct the connection table"
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


class Converter(Table):
    """A converter: volts = lower_V + code * step_V, with codes of `bits` bits.

    `slew` is the fastest change of an output in V/s.
    """

    bits: Annotated[int, Field(ge=1, le=16)] = 16
    lower_V: Annotated[float, Field(allow_inf_nan=False)] = -10.24
    step_V: Positive = 312.5e-6
    slew: Positive = 1e7
    power_on_V: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class Connection(Table):
    """The address of the device, its expected lines and timing, and timeouts.

    `port` is any port of pyserial: `COM3`, `/dev/ttyACM0`, `socket://HOST:PORT`,
    `rfc2217://HOST:PORT`; `usb` finds the port by the device's USB identity. `baud` matters only
    on a UART.

    Counts, converters and `update_s` must equal those of the device, and `max_rate_hz` must not
    exceed its own: a bench is checked with them before anything is connected.

    Outputs are at their safe values `heartbeat_timeout_s` after the host falls silent. Frames
    without a reply are repeated after `reply_s`, a device that is silent for `silence_s` has
    failed, and a broken line must come back within `reconnect_s`.
    """

    port: Annotated[str, Field(min_length=1)] | None = None
    usb: UsbIdentity | None = None
    baud: Annotated[int, Field(ge=300)] = 921_600
    analog_outputs: Count
    digital_outputs: Count = 1
    analog_inputs: Count
    digital_inputs: Count = 1
    dac: Converter = Converter()
    adc: Converter = Converter()
    max_rate_hz: Positive = 10_000.0
    update_s: Positive = 1e-3
    heartbeat_timeout_s: Annotated[float, Field(ge=0.02, le=3600, allow_inf_nan=False)] = 2.0
    reply_s: Positive = 0.25
    silence_s: Positive = 3.0
    reconnect_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0

    @model_validator(mode="after")
    def _one_way_to_it(self) -> Connection:
        if self.port is not None and self.usb is not None:
            raise ValueError("port and usb both say where the device is; keep one of them")
        return self

    @property
    def banks(self) -> Banks:
        """The lines that the device is expected to have."""
        rows = (
            _analog(BankKind.ANALOG_OUTPUT, self.analog_outputs, self.dac),
            _digital(BankKind.DIGITAL_OUTPUT, self.digital_outputs),
            _analog(BankKind.ANALOG_INPUT, self.analog_inputs, self.adc),
            _digital(BankKind.DIGITAL_INPUT, self.digital_inputs),
        )
        return Banks([bank for bank in rows if bank.channels])


def _analog(kind: BankKind, channels: int, made: Converter) -> Bank:
    is_output = kind == BankKind.ANALOG_OUTPUT
    return Bank(
        kind=kind,
        bits=made.bits,
        channels=channels,
        lower_uV=round(made.lower_V * 1e6),
        step_nV=round(made.step_V * 1e9),
        slew=made.slew if is_output else 0.0,
        top=2**made.bits - 1,
        power_on=round((made.power_on_V - made.lower_V) / made.step_V) if is_output else 0,
    )


def _digital(kind: BankKind, channels: int) -> Bank:
    return Bank(kind, 1, channels, 0, 1_000_000_000, 0.0, 1, 0)
