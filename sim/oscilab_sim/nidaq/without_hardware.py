"""nidaqmx without hardware: whatever would ask the local driver asks a virtual NI-DAQmx."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import nidaqmx
from nidaqmx import GrpcSessionOptions
from nidaqmx.scale import Scale
from nidaqmx.system import Device, PhysicalChannel, System
from nidaqmx.system.storage import PersistedChannel, PersistedScale, PersistedTask
from nidaqmx.system.watchdog import WatchdogTask

TAKERS: tuple[type, ...] = (
    nidaqmx.Task, WatchdogTask, System, Device, PhysicalChannel, Scale,
    PersistedTask, PersistedScale, PersistedChannel,
)  # fmt: skip
"""Everything of nidaqmx that can be given `grpc_options`, and asks the local driver otherwise."""


@contextmanager
def without_hardware(options: GrpcSessionOptions) -> Generator[None]:
    """In the block, `grpc_options=options` is what nidaqmx takes where nobody gives any.

    The classes stay what they are, whoever has imported them from where.
    """
    before = [taker.__init__ for taker in TAKERS]
    for taker, init in zip(TAKERS, before, strict=True):
        setattr(taker, "__init__", _given(init, options))  # noqa: B010
    try:
        yield
    finally:
        for taker, init in zip(TAKERS, before, strict=True):
            setattr(taker, "__init__", init)  # noqa: B010


def _given(init: Callable[..., None], options: GrpcSessionOptions) -> Callable[..., None]:
    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("grpc_options", options)
        init(self, *args, **kwargs)

    return wrapped
