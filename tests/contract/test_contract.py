"""The contract suite for every array of oscilab; see `backends.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import BACKENDS, SLOW

import oscilab
from oscilab.testing import ArrayContract, FrontEndContract, Rig


class TestOwnArrays(ArrayContract):
    @pytest.fixture(
        params=[pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in BACKENDS]
    )
    def rig(self, request: pytest.FixtureRequest) -> Iterator[Rig]:
        with BACKENDS[request.param]() as rig:
            yield rig


class TestVirtualFrontEnd(FrontEndContract):
    front_end = "virtual"


def test_the_core_imports_pytest_only_in_the_contract():
    core = Path(oscilab.__file__).parent
    importing = {
        path.relative_to(core).parts[0]
        for path in core.rglob("*.py")
        if re.search(r"^\s*(import|from) pytest\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing == {"testing"}
