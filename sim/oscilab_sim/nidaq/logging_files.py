"""Logging to TDMS files, as `configure_logging` asks for it; the file is on the server's side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from nidaqmx.constants import LoggingMode, LoggingOperation
from nidaqmx.error_codes import DAQmxErrors

from oscilab.types import FloatArray
from oscilab_sim.nidaq.faults import DaqFault


@dataclass
class Logging:
    """What a task logs and where; `group` "" is the task's name."""

    path: str = ""
    mode: int = LoggingMode.OFF.value
    group: str = ""
    operation: int = LoggingOperation.OPEN_OR_CREATE.value

    @property
    def is_on(self) -> bool:
        """Whether samples go to a file."""
        return self.mode != LoggingMode.OFF.value

    @property
    def takes_all(self) -> bool:
        """Whether samples go to the file alone and cannot be read."""
        return self.mode == LoggingMode.LOG.value


class LogFile:
    """One run of a task in a TDMS file: a group, a channel for every line.

    Raises:
        DaqFault: no TDMS library, or a file that is there or not against what was asked for.
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
