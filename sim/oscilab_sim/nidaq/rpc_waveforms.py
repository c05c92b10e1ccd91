"""RPCs that read and write waveforms: samples with the time of the first and their distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import FloatArray
from oscilab_sim.nidaq.calls import Alive, Reply, raw
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.faults import DaqFault
from oscilab_sim.nidaq.reading import read_samples
from oscilab_sim.nidaq.rpc_data import reader, writer
from oscilab_sim.nidaq.tasks import Kind, VirtualTask
from oscilab_sim.nidaq.writing import write_samples

TIMING, PROPERTIES = 1, 2
"""Bits of the request's `waveform_attribute_mode`."""
SINCE_1904_S = 2_082_844_800
"""NI counts seconds from 1904 on, Unix from 1970 on."""


class WaveformRpcs:
    """Waveforms of analog channels and of digital lines, one a channel."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def ReadAnalogWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Volts with their timing."""
        task = reader(self._driver, request, Kind.AI)
        samples, timing, fault = self._read(task, request, alive)
        waveforms = [
            {
                **timing,
                "y_data": row,
                "attributes": _properties(
                    request, {"NI_ChannelName": channel.name, "NI_UnitDescription": "Volts"}
                ),
            }
            for channel, row in zip(task.channels, samples, strict=True)
        ]
        return _read_reply(waveforms, samples.shape[1], fault)

    def ReadDigitalWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Lines with their timing; the first line of a channel is the last column, as NI has it."""
        task = reader(self._driver, request, Kind.DI)
        samples, timing, fault = self._read(task, request, alive)
        waveforms: list[Mapping[str, Any]] = []
        start = 0
        for channel in task.channels:
            count = len(channel.places)
            bits = samples[start : start + count] > 0.5
            start += count
            names = ", ".join(place.name for place in reversed(channel.places))
            waveforms.append(
                {
                    **timing,
                    "signal_count": count,
                    "y_data": bits[::-1].T.astype(np.uint8).tobytes(),
                    "attributes": _properties(
                        request, {"NI_ChannelName": channel.name, "NI_LineNames": names}
                    ),
                }
            )
        return _read_reply(waveforms, samples.shape[1], fault)

    def WriteAnalogWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Volts; their timing is the task's, not the waveforms'."""
        task = writer(self._driver, request, Kind.AO)
        rows = [np.asarray(waveform.y_data, np.float64) for waveform in request.waveforms]
        return self._write(task, _stacked(task, [row[np.newaxis] for row in rows]), request, alive)

    def WriteDigitalWaveforms(self, request: Any, alive: Alive) -> Reply:
        """Lines; the last column is the first line."""
        task = writer(self._driver, request, Kind.DO)
        parts: list[FloatArray] = []
        for waveform, channel in zip(request.waveforms, task.channels, strict=False):
            if waveform.signal_count != len(channel.places):
                raise _mismatch(task, len(channel.places), waveform.signal_count, "Lines")
            bits = np.frombuffer(waveform.y_data, np.uint8).reshape(-1, waveform.signal_count)
            parts.append(np.minimum(bits.T[::-1], 1).astype(np.float64))
        return self._write(task, _stacked(task, parts), request, alive)

    def _read(
        self, task: VirtualTask, request: Any, alive: Alive
    ) -> tuple[FloatArray, Mapping[str, Any], DaqFault | None]:
        first: list[int | None] = []
        samples, fault = read_samples(
            self._driver, task, request.num_samps_per_chan, request.timeout, alive, first
        )
        if not raw(request, "waveform_attribute_mode") & TIMING:
            return samples, {}, fault
        clock = self._driver.engine.clock
        tick = next((tick for tick in first if tick is not None), clock.now)
        seconds = clock.began_s + tick / clock.hz + SINCE_1904_S
        timing: dict[str, Any] = {
            "t0": {
                "seconds": int(seconds),
                "fractional_seconds": int((seconds - int(seconds)) * 2**64),
            }
        }
        if task.timing.clocked:
            timing["dt"] = 1 / task.timing.true_rate_hz
        return samples, timing, fault

    def _write(self, task: VirtualTask, samples: FloatArray, request: Any, alive: Alive) -> Reply:
        written = write_samples(
            self._driver, task, samples, request.auto_start, request.timeout, alive
        )
        return {"samps_per_chan_written": written}


def _read_reply(
    waveforms: Sequence[Mapping[str, Any]], count: int, fault: DaqFault | None
) -> Reply:
    reply = {"waveforms": waveforms, "samps_per_chan_read": count}
    return reply if fault is None else {**reply, "status": fault.code}


def _properties(request: Any, texts: Mapping[str, str]) -> Mapping[str, Any]:
    if not raw(request, "waveform_attribute_mode") & PROPERTIES:
        return {}
    return {name: {"string_value": text} for name, text in texts.items()}


def _stacked(task: VirtualTask, parts: list[FloatArray]) -> FloatArray:
    if len(parts) != len(task.channels) or len({part.shape[1] for part in parts}) != 1:
        raise _mismatch(task, len(task.channels), len(parts), "Channels")
    return np.concatenate(parts)


def _mismatch(task: VirtualTask, wanted: int, found: int, what: str) -> DaqFault:
    return DaqFault(
        DAQmxErrors.WRITE_NUM_CHANS_MISMATCH,
        "Write cannot be performed, because the waveforms do not match the task, or differ in "
        f"length.\n\nNumber of {what} in Task: {wanted}\nNumber of {what} in the Data: {found}"
        f"\n\nTask Name: {task.name}",
    )
