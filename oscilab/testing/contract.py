"""The contract of an array, as tests that use the fixture `rig`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol as Structure

import numpy as np
import pytest

from oscilab.arrays import Capability, OscillatorArray, SavedState
from oscilab.errors import CannotDo, InvalidInput, OscilabError, OutOfBox, OutOfClamp
from oscilab.physics import Protocol, geometric, noising_parameters
from oscilab.physics.schedule import Interpolation
from oscilab.testing.rig import Rig
from oscilab.types import Float64Array, FloatArray

SIGMAS = 5.0
"""Allowed deviation in sampling errors; a correct array fails one comparison in 2e6."""
CLOCK = 1e-4
"""Tolerance of times, because the sample clock's timebase rounds them."""
STILL = np.zeros((1, 2))
NOT_FINITE = [np.nan, np.inf, -np.inf]

MakeProtocol = Callable[..., Protocol]
Drive = Callable[..., object]


class Need(Structure):
    """Skips the test if the array lacks a capability."""

    def __call__(self, *capabilities: Capability) -> None: ...


class Refused(Structure):
    """Checks that a call is refused with `error` matching `match`, and that nothing moved."""

    def __call__(
        self,
        error: type[OscilabError],
        match: str,
        call: Callable[..., object],
        /,
        *args: object,
        **kwargs: object,
    ) -> None: ...


class ResumableArray(OscillatorArray, SavedState, Structure):
    """An array that can save its random state."""


def springs(
    array: OscillatorArray, stiffness: list[float], interpolation: Interpolation = "constant"
) -> Protocol:
    """Return a protocol of springs, listed from the last slice played to the first."""
    potential = array.description.potential
    slices = len(stiffness) if interpolation == "constant" else len(stiffness) - 1
    schedule = geometric(slices, 0.1, 1.0, interpolation)
    nodes = [1.0, *stiffness] if interpolation == "constant" else stiffness
    settings = np.stack([potential.vector(stiffness=value) for value in nodes])
    return Protocol(potential, schedule, settings)


def readings(array: OscillatorArray) -> list[FloatArray | None]:
    """Take one reading of every kind."""
    potential = array.description.potential
    theta = potential.vector(stiffness=1.5, quartic=0.2, coupling=0.3)
    protocol = Protocol(potential, geometric(2, 0.1, 0.4), np.stack([theta] * 3))
    trajectory = array.play(protocol, copies=70, record_every=0.1)
    return [
        array.measure_forces(theta, np.ones((5, 2))).forces,
        array.relax(theta, np.zeros((65, 2)), 0.3).end,
        trajectory.positions,
        trajectory.work,
        trajectory.heat,
        array.relax(theta, np.zeros((3, 2)), 0.3).end,
    ]


class ArrayContract:
    """Tests that an array of `contract_potential()` fulfils the array protocol.

    Derive a class whose name begins with `Test` and override the fixture `rig`. A test is skipped
    if the array lacks a capability; another test checks that the array then refuses.
    """

    @pytest.fixture
    def rig(self) -> Rig:
        """Return the array under test, with what the tests must know about it."""
        raise NotImplementedError("override the fixture rig with one that yields a Rig")

    @pytest.fixture
    def array(self, rig: Rig) -> OscillatorArray:
        """Return the array under test."""
        return rig.array

    @pytest.fixture
    def need(self, array: OscillatorArray) -> Need:
        """Return a function that skips the test if the array lacks a capability."""

        def check(*capabilities: Capability) -> None:
            missing = [c.value for c in capabilities if c not in array.description.capabilities]
            if missing:
                pytest.skip(f"{array.description.identity.name} has no {', '.join(missing)}")

        return check

    class TestDescription:
        """The description of an array, and that its behaviour matches it."""

        def test_is_an_array(self, array: OscillatorArray) -> None:
            assert isinstance(array, OscillatorArray)

        def test_names_itself(self, array: OscillatorArray) -> None:
            identity = array.description.identity
            assert identity.name
            assert identity.kind
            assert isinstance(identity.simulated, bool)

        def test_states_bounds_and_scales(self, array: OscillatorArray) -> None:
            description = array.description
            oscillators = description.potential.oscillators
            assert description.clamp_lower.shape == description.clamp_upper.shape == (oscillators,)
            assert (description.clamp_lower < description.clamp_upper).all()
            assert description.box.lower.shape == (description.potential.parameters,)
            assert description.time_scale > 0
            assert description.temperature >= 0

        def test_capabilities_are_of_the_vocabulary(self, array: OscillatorArray) -> None:
            assert array.description.capabilities <= set(Capability)

        def test_saved_state_is_claimed_exactly_where_it_is_offered(
            self, array: OscillatorArray
        ) -> None:
            claimed = Capability.SAVED_STATE in array.description.capabilities
            assert claimed == isinstance(array, SavedState)

        @pytest.mark.parametrize("capability", list(Capability))
        def test_a_purpose_is_refused_exactly_where_its_need_is_lacking(
            self, array: OscillatorArray, capability: Capability
        ) -> None:
            description = array.description
            if capability in description.capabilities:
                description.require(capability, purpose="this rule")
            else:
                with pytest.raises(CannotDo, match=f"this rule needs {capability.value}"):
                    description.require(capability, purpose="this rule")

        def test_what_is_lacking_is_refused_when_asked_for(self, array: OscillatorArray) -> None:
            potential = array.description.potential
            theta, still = potential.vector(stiffness=1.0), np.zeros((1, potential.oscillators))
            schedule = geometric(1, 0.1, 0.2)
            protocol = Protocol(potential, schedule, np.stack([theta] * len(schedule.nodes)))
            calls = {
                Capability.FORCE_READOUT: lambda: array.measure_forces(theta, still),
                Capability.RELEASE: lambda: array.relax(theta, still, 0.1),
                Capability.PLAY: lambda: array.play(protocol, initial=still),
            }
            lacking = [
                call for need, call in calls.items() if need not in array.description.capabilities
            ]
            if not lacking:
                pytest.skip(f"{array.description.identity.name} can read forces, release and play")
            for call in lacking:
                with pytest.raises(CannotDo):
                    call()

        def test_make_safe_is_idempotent_and_leaves_the_array_usable(
            self, array: OscillatorArray, need: Need
        ) -> None:
            need(Capability.FORCE_READOUT)
            potential = array.description.potential
            array.make_safe()
            array.make_safe()
            theta, still = potential.vector(stiffness=1.0), np.zeros((1, potential.oscillators))
            assert array.measure_forces(theta, still).forces.shape == still.shape
            array.make_safe()

    class TestForces:
        """Reading forces on clamped oscillators."""

        @pytest.fixture(autouse=True)
        def _needs(self, need: Need) -> None:
            need(Capability.FORCE_READOUT, Capability.CLAMP)

        @pytest.fixture
        def theta(self, array: OscillatorArray) -> Float64Array:
            potential = array.description.potential
            return potential.vector(
                bias=[0.3, -0.4],
                stiffness=[2.0, -0.5],
                cubic=[0.2, -0.1],
                quartic=[0.5, 0.8],
                coupling=0.7,
            )

        @pytest.fixture
        def points(self, array: OscillatorArray) -> FloatArray:
            generator = np.random.default_rng(3)
            description = array.description
            shape = (17, description.potential.oscillators)
            return generator.uniform(description.clamp_lower, description.clamp_upper, shape) / 2

        def test_shapes_and_types(
            self, array: OscillatorArray, theta: Float64Array, points: FloatArray
        ) -> None:
            reading = array.measure_forces(theta, points)
            for values in (reading.set_points, reading.positions, reading.forces):
                assert values.shape == points.shape
                assert np.issubdtype(values.dtype, np.floating)
                assert np.isfinite(values).all()

        def test_set_points_are_echoed_and_positions_measured(
            self, rig: Rig, theta: Float64Array, points: FloatArray
        ) -> None:
            reading = rig.array.measure_forces(theta, points)
            np.testing.assert_array_equal(reading.set_points, points)
            np.testing.assert_allclose(reading.positions, points, atol=rig.position_error, rtol=0)

        def test_reading_does_not_share_the_callers_memory(
            self, array: OscillatorArray, theta: Float64Array, points: FloatArray
        ) -> None:
            kept = points.copy()
            reading = array.measure_forces(theta, points)
            reading.forces[:] = reading.positions[:] = np.nan
            np.testing.assert_array_equal(points, kept)

        def test_forces_are_minus_grad_u(
            self, rig: Rig, theta: Float64Array, points: FloatArray
        ) -> None:
            x, y = points.T
            expected = -np.stack(
                [
                    0.3 + 2.0 * x + 0.2 * x**2 + 0.5 * x**3 + 0.7 * y,
                    -0.4 - 0.5 * y - 0.1 * y**2 + 0.8 * y**3 + 0.7 * x,
                ],
                axis=1,
            )
            forces = rig.array.measure_forces(theta, points).forces
            np.testing.assert_allclose(forces, expected, atol=rig.force_error, rtol=rig.force_error)

        def test_force_in_the_noising_potential_is_a_unit_spring(
            self, rig: Rig, points: FloatArray
        ) -> None:
            theta = noising_parameters(rig.array.description.potential)
            forces = rig.array.measure_forces(theta, points).forces
            np.testing.assert_allclose(forces, -points, atol=rig.force_error, rtol=rig.force_error)

        def test_lists_serve_as_well_as_arrays(
            self, array: OscillatorArray, theta: Float64Array
        ) -> None:
            reading = array.measure_forces(theta.tolist(), [[0.5, -0.5]])
            assert reading.forces.shape == (1, 2)

        def test_an_empty_batch_reads_nothing(
            self, array: OscillatorArray, theta: Float64Array
        ) -> None:
            assert array.measure_forces(theta, np.zeros((0, 2))).forces.shape == (0, 2)

    class TestRelax:
        """Clamp, release, wait, read: free motion under held parameters."""

        @pytest.fixture(autouse=True)
        def _needs(self, need: Need) -> None:
            need(Capability.RELEASE)

        def test_start_and_end_come_with_the_set_points(self, rig: Rig) -> None:
            potential = rig.array.description.potential
            points = np.array([[0.5, -1.0], [1.5, 0.0], [-2.0, 1.0]])
            reading = rig.array.relax(noising_parameters(potential), points, 0.25)
            np.testing.assert_array_equal(reading.set_points, points)
            np.testing.assert_allclose(reading.start, points, atol=rig.position_error, rtol=0)
            assert reading.end.shape == points.shape
            assert np.isfinite(reading.end).all()
            # The sample clock's timebase rounds the duration.
            assert reading.duration == pytest.approx(0.25, rel=1e-4)

        def test_a_spring_relaxes_as_ornstein_and_uhlenbeck_say(self, rig: Rig) -> None:
            """Mean x0 exp(-k t) and variance T (1 - exp(-2 k t)) / k, to 5 sampling errors.

            False-alarm rate 2e-6 over its four comparisons; random, unless the array is simulated.
            """
            potential = rig.array.description.potential
            stiffness, start = np.array([2.0, 0.5]), np.array([1.0, -2.0])
            duration = 0.4
            theta = potential.vector(stiffness=stiffness)
            end = rig.array.relax(theta, np.tile(start, (rig.batch, 1)), duration).end
            decay = np.exp(-stiffness * duration)
            variance = rig.array.description.temperature * (1 - decay**2) / stiffness
            error = SIGMAS * np.sqrt(variance / rig.batch) + rig.model_error * np.abs(start)
            assert (np.abs(end.mean(axis=0) - start * decay) < error).all()
            error = (SIGMAS * np.sqrt(2 / rig.batch) + rig.model_error) * variance
            assert (np.abs(end.var(axis=0) - variance) < error).all()

        def test_coupled_springs_reach_their_common_equilibrium(self, rig: Rig) -> None:
            """Covariance T K^-1 after ten of the slowest relaxation times, to 5 sampling errors.

            False-alarm rate 2e-6 over its three comparisons; random, unless the array is simulated.
            """
            potential = rig.array.description.potential
            theta = potential.vector(stiffness=[2.0, 3.0], coupling=-1.0)
            matrix = potential.stiffness_matrix(theta)
            duration = 10 / np.linalg.eigvalsh(matrix)[0]
            end = rig.array.relax(theta, np.zeros((rig.batch, 2)), duration).end
            expected = rig.array.description.temperature * np.linalg.inv(matrix)
            scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) + expected**2)
            error = SIGMAS * scale / np.sqrt(rig.batch) + rig.model_error * np.abs(expected).max()
            assert (np.abs(np.cov(end.T) - expected) < error).all()

        def test_a_bias_pulls_against_its_sign(self, rig: Rig) -> None:
            """Mean -bias / stiffness at equilibrium, 5 sampling errors: one false alarm in 1e6."""
            potential = rig.array.description.potential
            theta = potential.vector(bias=[3.0, -3.0], stiffness=2.0)
            end = rig.array.relax(theta, np.zeros((rig.batch, 2)), 5.0).end
            spread = np.sqrt(rig.array.description.temperature / 2 / rig.batch)
            error = SIGMAS * spread + rig.model_error * 1.5
            assert (np.abs(end.mean(axis=0) - [-1.5, 1.5]) < error).all()

        def test_repeated_releases_differ(self, array: OscillatorArray) -> None:
            if array.description.temperature == 0:
                pytest.skip("without a bath, motion repeats itself")
            theta = noising_parameters(array.description.potential)
            first, second = (array.relax(theta, np.zeros((4, 2)), 0.5).end for _ in range(2))
            assert (first != second).any()

    class TestPlayback:
        """Playing a protocol: times, starts, records, work and heat."""

        @pytest.fixture(autouse=True)
        def _needs(self, need: Need) -> None:
            need(Capability.PLAY)

        @pytest.fixture
        def protocol(self, array: OscillatorArray) -> Protocol:
            """Return a protocol whose stiffness falls from 3 to 1 over 0.9 of time."""
            return springs(array, [1.0, 2.0, 3.0])

        def test_records_the_start_and_the_end(
            self, array: OscillatorArray, protocol: Protocol
        ) -> None:
            trajectory = array.play(protocol, copies=3)
            np.testing.assert_allclose(trajectory.times, [0.0, 0.9], rtol=CLOCK)
            assert trajectory.positions.shape == (3, 2, 2)
            assert np.isfinite(trajectory.positions).all()
            np.testing.assert_array_equal(trajectory.initial, trajectory.positions[:, 0])
            np.testing.assert_array_equal(trajectory.final, trajectory.positions[:, -1])

        def test_records_in_between_when_asked(
            self, array: OscillatorArray, protocol: Protocol
        ) -> None:
            trajectory = array.play(protocol, copies=2, record_every=0.25)
            np.testing.assert_allclose(trajectory.times, [0.0, 0.25, 0.5, 0.75, 0.9], rtol=CLOCK)
            assert trajectory.positions.shape == (2, 5, 2)

        def test_an_interval_that_divides_the_duration_records_its_end_once(
            self, array: OscillatorArray, protocol: Protocol
        ) -> None:
            trajectory = array.play(protocol, copies=2, record_every=protocol.duration / 3)
            np.testing.assert_allclose(trajectory.times, [0.0, 0.3, 0.6, 0.9], rtol=CLOCK)

        def test_a_longer_interval_records_start_and_end_alone(
            self, array: OscillatorArray, protocol: Protocol
        ) -> None:
            assert len(array.play(protocol, copies=2, record_every=10.0).times) == 2

        def test_starts_where_told(self, rig: Rig, protocol: Protocol) -> None:
            initial = np.array([[1.0, -1.0], [0.5, 2.0]])
            trajectory = rig.array.play(protocol, initial=initial)
            np.testing.assert_allclose(trajectory.initial, initial, atol=rig.position_error, rtol=0)

        def test_plays_the_last_node_first(self, rig: Rig) -> None:
            """The slice of least noising time comes last, and is long enough to forget the first.

            Its bias of -5 in a spring of 5 pulls to +1. To 5 sampling errors; one false alarm in
            1e6.
            """
            potential = rig.array.description.potential
            first = potential.vector(bias=5.0, stiffness=5.0)
            last = potential.vector(bias=-5.0, stiffness=5.0)
            schedule = geometric(2, 1.0, 9.0)
            protocol = Protocol(potential, schedule, np.stack([last, last, first]))
            final = rig.array.play(protocol, copies=rig.batch // 4).final
            temperature = rig.array.description.temperature
            error = SIGMAS * np.sqrt(temperature / 5 / len(final)) + rig.model_error
            assert (np.abs(final.mean(axis=0) - 1.0) < error).all()

        def test_thermal_starts_are_unit_normals(self, rig: Rig, protocol: Protocol) -> None:
            """Mean 0, variance 1, uncorrelated: x_T of the noising, to 5 sampling errors.

            False-alarm rate 3e-6 over its five comparisons; random, unless the array is simulated.
            """
            initial = rig.array.play(protocol, copies=rig.batch).initial
            temperature = rig.array.description.temperature
            assert (np.abs(initial.mean(axis=0)) < SIGMAS * np.sqrt(temperature / rig.batch)).all()
            moments = initial.T @ initial / rig.batch
            error = SIGMAS * np.sqrt(2 / rig.batch) + rig.model_error
            assert (np.abs(moments - temperature * np.eye(2)) < error * temperature).all()

        @pytest.mark.parametrize("interpolation", ["constant", "linear"])
        def test_final_variance_follows_the_springs(
            self, rig: Rig, interpolation: Interpolation
        ) -> None:
            """v' = T/k + (v - T/k) exp(-2 k t) from slice to slice, to 5 sampling errors.

            False-alarm rate 1e-6 over its two comparisons; random, unless the array is simulated.
            """
            protocol = springs(rig.array, [1.0, 4.0, 9.0], interpolation)
            temperature = rig.array.description.temperature
            where = protocol.potential.family("stiffness").where.start
            variance = 0.0
            stairs = protocol.stairs()
            for duration, parameters in zip(stairs.durations, stairs.parameters, strict=True):
                rest = temperature / parameters[where]
                variance = rest + (variance - rest) * np.exp(-2 * parameters[where] * duration)
            final = rig.array.play(protocol, initial=np.zeros((rig.batch, 2))).final
            error = (SIGMAS * np.sqrt(2 / rig.batch) + rig.model_error) * variance
            assert (np.abs(final.var(axis=0) - variance) < error).all()

        def test_energy_is_conserved_where_work_and_heat_are_told(
            self, rig: Rig, protocol: Protocol
        ) -> None:
            """Work minus heat is the energy gained.

            The sums telescope, so this checks the bookkeeping only.
            """
            trajectory = rig.array.play(protocol, copies=5, record_every=0.2)
            if trajectory.work is None or trajectory.heat is None:
                pytest.skip(f"{rig.array.description.identity.name} tells no work and heat")
            stairs = protocol.stairs()
            start = protocol.potential.energy(stairs.parameters[0], trajectory.initial)
            end = protocol.potential.energy(stairs.parameters[-1], trajectory.final)
            gained = trajectory.work - trajectory.heat
            assert trajectory.work.shape == trajectory.heat.shape == (5,)
            np.testing.assert_allclose(gained, end - start, atol=max(1e-5, rig.position_error))

        def test_no_work_is_done_where_nothing_switches(self, rig: Rig) -> None:
            trajectory = rig.array.play(springs(rig.array, [2.0]), copies=3)
            if trajectory.work is None:
                pytest.skip(f"{rig.array.description.identity.name} tells no work")
            np.testing.assert_array_equal(trajectory.work, np.zeros(3))

    class TestRefusals:
        """Values out of range are refused before anything moves, and never clipped."""

        @pytest.fixture
        def theta(self, array: OscillatorArray) -> Float64Array:
            return array.description.potential.vector(stiffness=1.0)

        @pytest.fixture
        def refused(self, rig: Rig) -> Refused:
            """Return a check that a call is refused with `error` and `match`, and nothing moved."""

            def check(
                error: type[OscilabError],
                match: str,
                call: Callable[..., object],
                /,
                *args: object,
                **kwargs: object,
            ) -> None:
                before = rig.untouched()
                with pytest.raises(error, match=match):
                    call(*args, **kwargs)
                assert rig.untouched() == before

            return check

        @pytest.fixture(params=["measure_forces", "relax"])
        def drive(
            self, request: pytest.FixtureRequest, array: OscillatorArray, need: Need
        ) -> Drive:
            """Return a call that drives parameters at set-points."""
            if request.param == "relax":
                need(Capability.RELEASE)
                return partial(array.relax, duration=0.01)
            need(Capability.FORCE_READOUT)
            return array.measure_forces

        @pytest.fixture
        def protocol(self, array: OscillatorArray, need: Need) -> MakeProtocol:
            """Return a function that makes protocols of one setting per slice, last slice first."""
            need(Capability.PLAY)
            potential = array.description.potential

            def make(*settings: Float64Array) -> Protocol:
                readout = potential.vector(stiffness=1.0)
                schedule = geometric(len(settings), 0.1, 0.2)
                return Protocol(potential, schedule, np.stack([readout, *settings]))

            return make

        @pytest.mark.parametrize("value", NOT_FINITE)
        def test_parameters_that_are_not_finite(
            self, drive: Drive, refused: Refused, theta: Float64Array, value: float
        ) -> None:
            theta[3] = value
            refused(OutOfBox, r"stiffness\[1\]", drive, theta, STILL)

        def test_parameters_of_another_length(
            self, drive: Drive, refused: Refused, theta: Float64Array
        ) -> None:
            refused(OutOfBox, "shape", drive, theta[:-1], STILL)

        def test_parameters_outside_the_box(
            self, array: OscillatorArray, drive: Drive, refused: Refused, theta: Float64Array
        ) -> None:
            theta[2] = 2 * array.description.box.upper[2]
            refused(OutOfBox, r"stiffness\[0\] is .* outside its range", drive, theta, STILL)

        def test_parameters_that_do_not_confine(
            self, array: OscillatorArray, drive: Drive, refused: Refused
        ) -> None:
            weak = array.description.potential.vector(stiffness=1.0, coupling=3.0)
            refused(OutOfBox, "escape", drive, weak, STILL)

        @pytest.mark.parametrize("value", NOT_FINITE)
        def test_set_points_that_are_not_finite(
            self, drive: Drive, refused: Refused, theta: Float64Array, value: float
        ) -> None:
            refused(OutOfClamp, "oscillator 1", drive, theta, [[0.0, 0.0], [0.0, value]])

        @pytest.mark.parametrize("side", ["clamp_lower", "clamp_upper"])
        def test_set_points_beyond_the_clamps(
            self,
            array: OscillatorArray,
            drive: Drive,
            refused: Refused,
            theta: Float64Array,
            side: str,
        ) -> None:
            points = np.zeros((3, 2))
            points[2, 0] = 1.001 * getattr(array.description, side)[0]
            refused(OutOfClamp, "set-point 2 of oscillator 0", drive, theta, points)

        @pytest.mark.parametrize("shape", [(2,), (1, 3), (1, 1, 2)])
        def test_set_points_of_another_shape(
            self, drive: Drive, refused: Refused, theta: Float64Array, shape: tuple[int, ...]
        ) -> None:
            refused(InvalidInput, "shape", drive, theta, np.zeros(shape))

        @pytest.mark.parametrize("duration", [0.0, -1.0, np.nan, np.inf])
        def test_relaxation_times_that_cannot_pass(
            self,
            array: OscillatorArray,
            need: Need,
            refused: Refused,
            theta: Float64Array,
            duration: float,
        ) -> None:
            need(Capability.RELEASE)
            refused(InvalidInput, "relaxation time", array.relax, theta, STILL, duration)

        @pytest.mark.parametrize("bad", [0, 1, 2])
        def test_a_protocol_with_any_setting_outside_the_box(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
            bad: int,
        ) -> None:
            settings = [theta.copy() for _ in range(3)]
            settings[bad][0] = 2 * array.description.box.upper[0]
            refused(OutOfBox, r"bias\[0\]", array.play, protocol(*settings), initial=STILL)

        def test_a_protocol_that_lets_go(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
        ) -> None:
            weak = array.description.potential.vector(stiffness=1.0, coupling=3.0)
            refused(OutOfBox, "escape", array.play, protocol(theta, weak), initial=STILL)

        def test_an_initial_of_another_shape(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
        ) -> None:
            refused(InvalidInput, "shape", array.play, protocol(theta), initial=np.zeros((1, 3)))

        @pytest.mark.parametrize("value", [*NOT_FINITE, 1e3])
        def test_an_initial_that_cannot_be_clamped(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
            value: float,
        ) -> None:
            refused(OutOfClamp, "oscillator 0", array.play, protocol(theta), initial=[[value, 0.0]])

        @pytest.mark.parametrize("copies", [None, 0, -1])
        def test_a_playback_of_no_copies(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
            copies: int | None,
        ) -> None:
            refused(InvalidInput, "copies", array.play, protocol(theta), copies=copies)

        def test_copies_that_contradict_initial(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
        ) -> None:
            refused(InvalidInput, "copies", array.play, protocol(theta), copies=2, initial=STILL)

        @pytest.mark.parametrize("every", [0.0, -0.1, np.nan])
        def test_a_record_interval_that_is_no_time(
            self,
            array: OscillatorArray,
            protocol: MakeProtocol,
            refused: Refused,
            theta: Float64Array,
            every: float,
        ) -> None:
            play = array.play
            refused(
                InvalidInput,
                "record_every",
                play,
                protocol(theta),
                initial=STILL,
                record_every=every,
            )

    class TestState:
        """Saving and restoring an array's random state, so that a run resumes exactly."""

        @pytest.fixture(autouse=True)
        def _needs(self, need: Need) -> None:
            need(Capability.SAVED_STATE, Capability.RELEASE, Capability.PLAY)

        def test_continues_bit_for_bit(self, array: ResumableArray) -> None:
            readings(array)
            state = array.save_state()
            expected = readings(array)
            readings(array)
            array.restore_state(state)
            for first, second in zip(expected, readings(array), strict=True):
                np.testing.assert_array_equal(first, second)

        def test_takes_a_fixed_number_of_bytes(self, array: ResumableArray) -> None:
            before = array.save_state()
            readings(array)
            after = array.save_state()
            assert isinstance(after, bytes)
            assert len(before) == len(after)
            assert before != after

        def test_saving_changes_nothing(self, array: ResumableArray) -> None:
            assert array.save_state() == array.save_state()

        @pytest.mark.parametrize("state", [b"", b"x" * 28, b"x" * 1000])
        def test_another_things_state_is_refused(self, array: ResumableArray, state: bytes) -> None:
            before = array.save_state()
            with pytest.raises(InvalidInput, match="state"):
                array.restore_state(state)
            assert array.save_state() == before
