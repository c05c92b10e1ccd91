"""Runs every contract test over every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from backends import BACKENDS, SLOW, Rig

from oscilab.arrays import Capability, OscillatorArray


@pytest.fixture(
    params=[pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in BACKENDS]
)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """An array under test, with what the tests must know of it."""
    with BACKENDS[request.param]() as rig:
        yield rig


@pytest.fixture
def array(rig: Rig) -> OscillatorArray:
    """The array under test."""
    return rig.array


@pytest.fixture
def need(array: OscillatorArray) -> Callable[..., None]:
    """Skip the test where the array lacks a capability."""

    def check(*capabilities: Capability) -> None:
        missing = [c.value for c in capabilities if c not in array.description.capabilities]
        if missing:
            pytest.skip(f"{array.description.identity.name} has no {', '.join(missing)}")

    return check
