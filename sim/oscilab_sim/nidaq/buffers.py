"""Storage of a task's samples: buffers between host and board, and TDMS files."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from nidaqmx.constants import LoggingMode, LoggingOperation
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import FloatArray, Volts
from oscilab_sim.nidaq.calls import DaqFault


class InputBuffer:
    """Up to `size` samples `[line, sample]` for the host, `period` ticks apart."""

    def __init__(self, lines: int, size: int, overwrites: bool, period: int) -> None:
        self._chunks: deque[tuple[int, Volts]] = deque()
        self._period = period
        self._lines = lines
        self._size = size
        self._overwrites = overwrites
        self.taken = 0
        """Samples acquired since the start."""
        self.read = 0
        """Samples read by the host since the start."""

    @property
    def available(self) -> int:
        """Samples that can be read."""
        return self.taken - self.read

    @property
    def room(self) -> int:
        """Samples that fit before one is lost."""
        return self._size - self.available

    @property
    def tick(self) -> int | None:
        """The tick at which the next sample to read was acquired."""
        return self._chunks[0][0] if self._chunks else None

    def put(self, samples: Volts, tick: int) -> None:
        """Append samples, the first of which was acquired at `tick`.

        Raises:
            DaqFault: unread samples were lost.
        """
        if samples.shape[1]:
            self._chunks.append((tick, samples))
        self.taken += samples.shape[1]
        lost = self.available - self._size
        if lost > 0:
            self.take(lost)
            if not self._overwrites:
                raise DaqFault(
                    DAQmxErrors.SAMPLES_NO_LONGER_AVAILABLE,
                    "The application is not able to keep up with the hardware acquisition.\n\n"
                    "Increasing the buffer size, reading the data more frequently, or specifying "
                    "a fixed number of samples to read instead of reading all available samples "
                    "might correct the problem.",
                    read=0,
                )

    def take(self, count: int) -> Volts:
        """Remove and return the oldest `count` samples, `[line, sample]`."""
        parts: list[Volts] = []
        missing = count
        while missing:
            tick, first = self._chunks.popleft()
            if first.shape[1] > missing:
                rest = tick + missing * self._period
                self._chunks.appendleft((rest, first[:, missing:]))
                first = first[:, :missing]
            parts.append(first)
            missing -= first.shape[1]
        self.read += count
        return np.concatenate(parts, axis=1) if parts else np.empty((self._lines, 0))


class OutputBuffer:
    """Samples `[line, sample]` for the board, in a ring of `size`."""

    def __init__(self, lines: int, size: int) -> None:
        self.size = size
        self.written = 0
        """Samples written since the last start, or before it."""
        self._ring = np.zeros((lines, size))

    def space(self, made: int, regenerates: bool) -> int:
        """Return how many samples can be written once `made` were generated."""
        if regenerates and made:
            return self.size
        return self.size - max(self.written - made, 0)

    def put(self, samples: Volts) -> None:
        """Write `[line, sample]`, at most `size` of them."""
        places = (self.written + np.arange(samples.shape[1])) % self.size
        self._ring[:, places] = samples
        self.written += samples.shape[1]

    def samples(self, position: int, count: int, regenerates: bool) -> Volts:
        """Return `count` samples from `position` on."""
        period = min(self.size, self.written) if regenerates else self.size
        first = position % period
        if first + count <= period:
            return self._ring[:, first : first + count]
        return self._ring[:, (first + np.arange(count)) % period]


@dataclass
class Logging:
    """The logging settings of a task; an empty `group` stands for the task's name."""

    path: str = ""
    mode: int = LoggingMode.OFF.value
    group: str = ""
    operation: int = LoggingOperation.OPEN_OR_CREATE.value

    @property
    def is_on(self) -> bool:
        """Whether samples are written to a file."""
        return self.mode != LoggingMode.OFF.value

    @property
    def takes_all(self) -> bool:
        """Whether samples are only logged and cannot be read."""
        return self.mode == LoggingMode.LOG.value


class LogFile:
    """One run of a task in a TDMS file, as a group with a channel for every line.

    Raises:
        DaqFault: no TDMS library, or a file that exists or is missing against `operation`.
    """

    def __init__(self, logging: Logging, task: str, channels: list[str], period_s: float) -> None:
        try:
            import nptdms
        except ImportError as error:
            raise DaqFault(
                DAQmxErrors.TDMS_NOT_FOUND,
                "TDMS library could not be found. The virtual NI-DAQmx logs by the package "
                f"npTDMS; install it where the server runs.\n\nTask Name: {task}",
            ) from error
        self._channel: Any = nptdms.ChannelObject
        path = Path(logging.path)
        self._check(path, logging.operation, task)
        appends = logging.operation != LoggingOperation.CREATE_OR_REPLACE.value and path.exists()
        self._group = logging.group or task
        if appends:
            there = {group.name for group in nptdms.TdmsFile.read_metadata(path).groups()}
            number = 0
            while self._group in there:
                number += 1
                self._group = f"{logging.group or task} #{number}"
        self._writer: Any = nptdms.TdmsWriter(path, mode="a" if appends else "w")
        self._writer.open()
        self._channels = channels
        self._properties = {
            "NI_ChannelName": "",
            "unit_string": "Volts",
            "wf_start_time": np.datetime64(datetime.now(UTC).replace(tzinfo=None)),
            "wf_start_offset": 0.0,
            "wf_increment": period_s,
        }

    def append(self, samples: FloatArray) -> None:
        """Log samples `[line, sample]`."""
        if samples.shape[1]:
            self._writer.write_segment(
                [
                    self._channel(
                        self._group,
                        name,
                        np.ascontiguousarray(row, np.float64),
                        properties={**self._properties, "NI_ChannelName": name},
                    )
                    for name, row in zip(self._channels, samples, strict=True)
                ]
            )

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    @staticmethod
    def _check(path: Path, operation: int, task: str) -> None:
        wants_old = operation == LoggingOperation.OPEN.value
        wants_new = operation == LoggingOperation.CREATE.value
        if (wants_old and not path.exists()) or (wants_new and path.exists()):
            raise DaqFault(
                DAQmxErrors.GENERIC_FILE_IO if wants_new else DAQmxErrors.FILE_PATH_INVALID,
                f"The file to log to {'is there already' if wants_new else 'does not exist'}."
                f"\n\nFile Path: {path}\n\nTask Name: {task}",
            )
        if not path.parent.is_dir():
            raise DaqFault(
                DAQmxErrors.FILE_PATH_INVALID,
                f"The folder of the file to log to does not exist.\n\nFile Path: {path}\n\n"
                f"Task Name: {task}",
            )
