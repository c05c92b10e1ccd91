"""What an operator does with a device outside of runs: make it safe, read it, set one output."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from oscilab.bench.devices import Device
from oscilab.errors import DeviceBusy, InvalidInput
from oscilab.wired.array import WiredArray
from oscilab.wired.device import ConnectedDevice, parts_of, wires_of
from oscilab.wired.front_end import FrontEndCapability
from oscilab.wired.lock import holder_of, is_held, wait_until_free

PATIENCE_S = 30.0
"""How long a run that was asked to stop may take for its ramp."""


@dataclass(frozen=True)
class LineReading:
    """One line as it is now; `value` is in core units, None where there is no such quantity."""

    channel: str
    target: str
    volts: float
    value: float | None


@contextmanager
def wired_array(device: Device, design: bool = False) -> Generator[WiredArray]:
    """Connect the device's array, not driven; release it as it is when the block ends.

    With `design` its design values stand in for its calibration, as when a new one is measured.

    Raises:
        InvalidInput: the device is not wired, or its bench is wrong.
        DeviceBusy: another process drives it.
    """
    parts = parts_of(_with_lines(device), design)
    array = WiredArray(parts, parts.potential)
    try:
        yield array
    finally:
        array.release()


@contextmanager
def driven_array(device: Device, design: bool = False) -> Generator[WiredArray]:
    """Do the same, and make the array safe before its release, however the block ends."""
    with wired_array(device, design) as array:
        try:
            yield array
        finally:
            array.make_safe()


def make_device_safe(device: Device) -> list[str]:
    """Ramp every wired output to its safe value; a run that drives the device is stopped first.

    Return these outputs' names. No calibration is needed: the device may have lost its own.

    Raises:
        DeviceBusy: that run did not release the device.
    """
    wires = wires_of(_with_lines(device))
    hardware = wires.front_end.hardware
    if hardware and is_held(hardware):
        _stop_holder(hardware, device.name)
    connected = ConnectedDevice(wires)
    try:
        connected.drive.make_safe(undriven=True)
    finally:
        connected.release()
    outputs = wires.front_end.channels.outputs
    return [outputs[number].name for number in np.flatnonzero(wires.limits.wired)]


def read_device(device: Device) -> list[LineReading]:
    """Return every wired line as it is: outputs where they can be read back, then inputs."""
    with wired_array(device) as array:
        front_end, wiring = array.wired.front_end, array.wired.wiring
        found: list[LineReading] = []
        if FrontEndCapability.OUTPUT_READBACK in front_end.capabilities:
            found += _output_readings(array)
        names = [*wiring.positions, *wiring.forces, *array.drive.interlocks.channels]
        volts = array.drive.front_end.read_inputs(names)[:, 0]
        return found + [_reading(array, *pair) for pair in zip(names, volts.tolist(), strict=True)]


def set_output(device: Device, channel: str, volts: float) -> LineReading:
    """Ramp one output to `volts` and leave it there; return it.

    Raises:
        InvalidInput: no such output, or nothing is wired to it.
        OutOfLimits: volts that its limits forbid.
        InterlockTripped: an interlock forbids driving.
    """
    with wired_array(device) as array:
        channels = array.wired.front_end.channels
        channels.output(channel)
        number = channels.output_numbers[channel]
        if not array.drive.limits.wired[number]:
            raise InvalidInput(
                f"output {channel} of device {device.name} is not wired and has no limits; wire it "
                "before it is driven"
            )
        array.drive.put(number, volts)
        return _reading(array, channel, volts)


def _with_lines(device: Device) -> Device:
    """Return `device`, refused unless it is wired.

    Raises:
        InvalidInput: it has no lines.
    """
    if device.table.array != "wired":
        raise InvalidInput(
            f"device {device.name} is {device.table.array} and has no lines; name a wired device"
        )
    return device


def _stop_holder(hardware: str, name: str) -> None:
    holder = holder_of(hardware)
    if holder == os.getpid():
        raise DeviceBusy(
            f"device {name} is driven by this very process (number {holder}); let its array make "
            "it safe"
        )
    if holder is not None and is_held(hardware):
        # The wait below tells whether it has ended meanwhile, or is another user's.
        with suppress(ProcessLookupError, PermissionError):
            # On Windows this ends the process at once, and this one brings its outputs down.
            os.kill(holder, signal.SIGTERM)
    if not wait_until_free(hardware, PATIENCE_S):
        raise DeviceBusy(
            f"process {holder or 'unknown'} did not release device {name} within {PATIENCE_S:g} "
            "s; end it by hand, then try again"
        )


def _output_readings(array: WiredArray) -> list[LineReading]:
    channels, limits = array.wired.front_end.channels, array.drive.limits
    levels = array.drive.outputs.levels
    return [
        _reading(array, channel.name, float(level))
        for channel, level, wired in zip(channels.outputs, levels, limits.wired, strict=True)
        if wired
    ]


def _reading(array: WiredArray, channel: str, volts: float) -> LineReading:
    line = array.calibration.lines.get(channel)
    target = array.wired.wiring.targets.get(channel, "")
    if line is None:
        return LineReading(channel, target, volts, None)
    scale = array.calibration.units.of_target(line.target, array.wired.potential)
    return LineReading(channel, target, volts, (volts - line.offset) / line.gain / scale)
