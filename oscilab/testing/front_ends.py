"""The contract of a front end: it carries an array, and fulfils its own protocol in volts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
import pytest

from oscilab.testing.contract import ArrayContract
from oscilab.testing.rig import Rig, contract_device, wired_rig
from oscilab.wired import AnalogFrontEnd, FrontEndCapability, Waveform, WiredArray


class FrontEndContract(ArrayContract):
    """Tests that a front end fulfils both protocols, with a `WiredArray` built around it.

    `front_end` is its entry point's name, `connection` its table in a bench file, `device` has
    further keys of that device and `expected` numbers of the `Rig`. An array, or the simulation of
    one, must be connected to it as described by `contract_device`.
    """

    front_end: ClassVar[str]
    connection: ClassVar[Mapping[str, object]] = {}
    device: ClassVar[Mapping[str, object]] = {}
    expected: ClassVar[Mapping[str, float]] = {}

    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        """Yield a wired array on the front end."""
        device = contract_device(self.front_end, self.connection, **self.device)
        with wired_rig(device, **self.expected) as rig:
            yield rig

    class TestFrontEnd:
        """The front end in volts."""

        @pytest.fixture
        def connected(self, rig: Rig) -> AnalogFrontEnd:
            """Return the array's front end, connected and at rest."""
            assert isinstance(rig.array, WiredArray)
            return rig.array.wired.front_end

        def test_is_a_front_end(self, connected: AnalogFrontEnd) -> None:
            assert isinstance(connected, AnalogFrontEnd)
            assert connected.capabilities <= set(FrontEndCapability)

        def test_lines_have_ranges_and_a_clock(self, connected: AnalogFrontEnd) -> None:
            table = connected.channels
            for channel in (*table.outputs, *table.inputs):
                assert channel.lower < channel.upper, channel.name
            for channel in table.outputs:
                assert channel.lower <= channel.safe <= channel.upper, channel.name
            assert table.max_rate_hz > 0
            assert table.update_s > 0

        def test_outputs_read_back_what_was_set(self, connected: AnalogFrontEnd) -> None:
            if FrontEndCapability.OUTPUT_READBACK not in connected.capabilities:
                pytest.skip("the front end cannot read its outputs back")
            levels = connected.read_outputs()
            assert levels.shape == (len(connected.channels.outputs),)
            connected.set_outputs(levels)
            np.testing.assert_array_equal(connected.read_outputs(), levels)

        @pytest.mark.parametrize("samples", [1, 3])
        def test_inputs_read_by_name_in_the_order_asked(
            self, connected: AnalogFrontEnd, samples: int
        ) -> None:
            analog = [c for c in connected.channels.inputs if c.kind == "analog"]
            names = [channel.name for channel in analog[::-1]]
            volts = connected.read_inputs(names, samples)
            assert volts.shape == (len(names), samples), "readings are [input, sample]"
            for channel, row in zip(analog[::-1], volts, strict=True):
                assert ((row >= channel.lower) & (row <= channel.upper)).all(), channel.name

        def test_a_waveform_reads_the_samples_asked_for_by_the_rate_told(
            self, rig: Rig, connected: AnalogFrontEnd
        ) -> None:
            if FrontEndCapability.HARDWARE_TIMED not in connected.capabilities:
                pytest.skip("the front end plays no waveform by a clock of its own")
            assert isinstance(rig.array, WiredArray)
            clamp = rig.array.lines.clamps[:1]
            levels = np.full((1, 1), rig.array.drive.limits.safe[clamp[0]])
            waveform = Waveform(clamp, levels, np.array([8]), repeats=2)
            inputs = [*rig.array.wired.wiring.positions]
            asked = min(rig.array.planner.fastest_hz, connected.channels.max_rate_hz)
            found = connected.exchange(waveform, asked, inputs, np.array([0, 3, 7]))
            assert found.volts.shape == (len(inputs), 2, 3), "volts are [input, repeat, reading]"
            assert found.volts.dtype in (np.float32, np.float64)
            assert found.volts.flags.writeable
            assert found.rate_hz == pytest.approx(asked, rel=0.02)

        def test_closing_twice_is_closing_once(self, connected: AnalogFrontEnd) -> None:
            connected.close()
            connected.close()
            connected.connect()
