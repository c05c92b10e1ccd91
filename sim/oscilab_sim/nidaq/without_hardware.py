"""Redirect nidaqmx from the local driver to a virtual NI-DAQmx."""

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
"""The classes of nidaqmx that take `grpc_options`, and use the local driver without them."""


@contextmanager
def without_hardware(options: GrpcSessionOptions) -> Generator[None]:
    """Make `options` the default `grpc_options` of nidaqmx in the block.

    The classes are patched in place, so it does not matter how they were imported.
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
