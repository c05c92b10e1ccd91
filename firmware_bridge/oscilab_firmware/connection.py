"""The table `connection` of a device with the front end `firmware`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from oscilab.bench.tables import Table
from oscilab_firmware.banks import Banks
from oscilab_firmware.discovery import UsbIdentity
from oscilab_firmware.messages import BankKind
from oscilab_firmware.payloads import Bank

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=0xFFFF)]


class Converter(Table):
    """Converters: volts = lower_V + code * step_V, with codes of so many `bits`.

    `slew` is the volts per second that an output can follow.
    """

    bits: Annotated[int, Field(ge=1, le=16)] = 16
    lower_V: Annotated[float, Field(allow_inf_nan=False)] = -10.24
    step_V: Positive = 312.5e-6
    slew: Positive = 1e7
    power_on_V: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class Connection(Table):
    """Where the device is, and what it is expected to have.

    `port` is anything that pyserial opens: `COM3`, `/dev/ttyACM0`, `socket://HOST:PORT`,
    `rfc2217://HOST:PORT`; `usb` finds the port by what the device calls itself. `baud` counts on a
    UART alone.

    Counts and converters must be what the device has, and `update_s` and `max_rate_hz` no better
    than what it can: a bench is checked with them before anything is connected.

    Outputs go to their safe values `heartbeat_timeout_s` after the host falls silent. A reply
    that takes longer than `reply_s` is asked for again, a device that says nothing for `silence_s`
    has failed, and a line that breaks may be away for `reconnect_s`.
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
