"""Pytest fixtures for testing nidaqmx code; installed with oscilab, imported when used."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from oscilab_sim.nidaq.virtual_daq import VirtualDaq


@pytest.fixture(scope="session")
def virtual_daq_settings() -> dict[str, Any]:
    """Arguments of `virtual_daq`; override this fixture for other boards, signals or triggers."""
    return {}


@pytest.fixture
def virtual_daq_options(virtual_daq_settings: dict[str, Any]) -> Generator[VirtualDaq]:
    """Options for `nidaqmx.Task(grpc_options=...)`, with a virtual NI-DAQmx behind them."""
    from oscilab_sim.nidaq.virtual_daq import virtual_daq

    with virtual_daq(**virtual_daq_settings) as options:
        yield options
