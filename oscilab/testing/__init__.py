"""The contract tests for arrays and front ends of other packages; needs pytest.

    from oscilab.testing import FrontEndContract

    class TestMine(FrontEndContract):
        front_end = "mine"
        connection = {"resource": "USB0"}

An array that is not wired overrides the fixture `rig` of `ArrayContract`:

    class TestMine(ArrayContract):
        @pytest.fixture
        def rig(self):
            array = MyArray(contract_potential())
            yield Rig(array, untouched=array.save_state)
            array.make_safe()
"""

import pytest

# Show the contract's asserts with their values, like those of a test module.
pytest.register_assert_rewrite("oscilab.testing.contract", "oscilab.testing.front_ends")

from oscilab.testing.contract import ArrayContract  # noqa: E402
from oscilab.testing.front_ends import FrontEndContract  # noqa: E402
from oscilab.testing.rig import Rig, contract_device, contract_potential, wired_rig  # noqa: E402

__all__ = [
    "ArrayContract",
    "FrontEndContract",
    "Rig",
    "contract_device",
    "contract_potential",
    "wired_rig",
]
