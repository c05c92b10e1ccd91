"""Messages that configure the plant inside a simulated device's firmware."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from oscilab.errors import InvalidInput
from oscilab.physics import Potential
from oscilab.wired.calibration import Calibration
from oscilab.wired.channels import ChannelTable
from oscilab.wired.lines import Scale
from oscilab.wired.wiring import ENABLE, Wiring
from oscilab_firmware.messages import Kind
from oscilab_firmware.session import Session
from oscilab_sim.board.imperfections import Imperfections
from oscilab_sim.board.table import Event

MOST_MONOMIALS, MOST_ENDS, MOST_DEGREE = 64, 3, 12
DRIVE, CLAMP, CLAMP_ENABLE, POSITION, FORCE, OUTSIDE, EVENT, STUCK_OUTPUT, STUCK_INPUT = range(9)
ALL = 0xFFFF
MISSING = {"dac_bits", "adc_bits", "flicker_noise_V", "latency_samples"}
"""Flaws that the firmware's plant does not simulate; converters have the bits of the bench."""
BATH_ON_FORCE = 1
_SETUP = struct.Struct("<HHQ10fI")
_MONOMIAL = struct.Struct("<B3Bf")
_LINE = struct.Struct("<BBHHHHHff")


class PlantLine(NamedTuple):
    """One line of `PLANT_LINES`."""

    role: int
    channel: int
    a: int = 0
    gain: float = 0.0
    offset: float = 0.0
    term: int = 0
    b: int = 0
    c: int = 0


class PlantMonomial(NamedTuple):
    """One line of `PLANT_TERMS`."""

    term: int
    powers: tuple[int, ...]
    coefficient: float


def plant_terms(potential: Potential) -> list[PlantMonomial]:
    """Return the monomials of all terms, numbered in the order of the potential's families.

    Raises:
        InvalidInput: a term that this plant cannot simulate.
    """
    found: list[PlantMonomial] = []
    for number, family in enumerate(potential.families.values()):
        monomials = family.term.monomials
        if monomials is None:
            raise InvalidInput(
                f"term {family.name} is not simulated by the firmware's plant, which knows "
                "polynomials only; leave it out, or use the front end 'virtual'"
            )
        for monomial in monomials:
            degree = sum(monomial.powers)
            if not 1 <= degree <= MOST_DEGREE or family.term.ends > MOST_ENDS:
                raise InvalidInput(
                    f"term {family.name} has a monomial of degree {degree} on {family.term.ends} "
                    f"oscillators; the firmware's plant simulates degrees 1 to {MOST_DEGREE} on up "
                    f"to {MOST_ENDS}: leave it out, or use the front end 'virtual'"
                )
            found.append(PlantMonomial(number, monomial.powers, monomial.coefficient))
    if len(found) > MOST_MONOMIALS:
        raise InvalidInput(
            f"the terms have {len(found)} monomials, more than the {MOST_MONOMIALS} of the "
            "firmware's plant; leave some out, or use the front end 'virtual'"
        )
    return found


def setup_of(oscillators: int, unit_s: float, flaws: Imperfections) -> bytes:
    """Return the payload of `PLANT_SETUP`; `unit_s` is the plant's unit of time in seconds.

    Raises:
        InvalidInput: a flaw that this plant does not simulate.
    """
    for name in MISSING & flaws.model_fields_set:
        raise InvalidInput(
            f"twin.imperfections.{name} is not simulated by the firmware's plant; remove it, or "
            "use the front end 'virtual'"
        )
    return _SETUP.pack(
        oscillators,
        BATH_ON_FORCE if flaws.bath_on_force else 0,
        flaws.seed,
        unit_s,
        flaws.step_fraction,
        1.0,
        flaws.input_noise_V,
        flaws.offset_drift_V_per_s,
        flaws.clamp_stiffness or 0.0,
        flaws.sensor_settling_s,
        flaws.output_settling_s,
        flaws.output_crosstalk,
        flaws.input_crosstalk,
        0,
    )


def plant_lines(
    potential: Potential,
    wiring: Wiring,
    truth: Calibration,
    channels: ChannelTable,
    flaws: Imperfections,
    events: Sequence[Event],
) -> list[PlantLine]:
    """Return every line that is wired to an oscillator or has a flaw or an event."""
    outputs = _plugged(channels.output_numbers, flaws)
    inputs = _plugged(channels.input_numbers, flaws)
    lines = list(_drives(potential, wiring, truth, outputs))
    for role, names, numbers in (
        (CLAMP, wiring.clamps, outputs),
        (POSITION, wiring.positions, inputs),
        (FORCE, wiring.forces, inputs),
    ):
        scale = Scale.of(names, truth, potential)
        for site, name in enumerate(names):
            gain, offset = float(scale.gain[site]), float(scale.offset[site])
            lines.append(PlantLine(role, numbers[name], site, gain, offset))
    one = len(wiring.enables) == 1 and wiring.targets[wiring.enables[0]] == ENABLE
    for site, name in enumerate(wiring.enables):
        lines.append(PlantLine(CLAMP_ENABLE, outputs[name], ALL if one else site))
    stuck = {**dict.fromkeys(flaws.dead, 0.0), **flaws.stuck}
    for name, volts in stuck.items():
        if name in channels.output_numbers:
            lines.append(PlantLine(STUCK_OUTPUT, channels.output_numbers[name], offset=volts))
        elif name in channels.input_numbers:
            lines.append(PlantLine(STUCK_INPUT, channels.input_numbers[name], offset=volts))
    return lines + _outside(channels, events)


def _outside(channels: ChannelTable, events: Sequence[Event]) -> list[PlantLine]:
    lines: dict[str, PlantLine] = {}
    changes: list[PlantLine] = []
    for event in sorted(events, key=lambda each: each.at_s):
        channel = channels.input(event.channel)
        number = channels.input_numbers[event.channel]
        # An unwired digital input reads high, as with a pull-up.
        before = 1.0 if channel.kind == "digital" else 0.0
        lines[event.channel] = PlantLine(OUTSIDE, number, offset=before)
        changes.append(PlantLine(EVENT, number, gain=event.at_s, offset=event.volts))
    return [*lines.values(), *changes]


def send_plant(
    session: Session,
    setup: bytes,
    terms: Sequence[PlantMonomial],
    lines: Sequence[PlantLine],
) -> None:
    """Send the plant behind the converters to the firmware.

    Raises:
        Refused: the firmware does not accept it.
    """
    session.commands.call(Kind.PLANT_SETUP, setup)
    told = b"".join(
        _MONOMIAL.pack(each.term, *each.powers, *[0] * (3 - len(each.powers)), each.coefficient)
        for each in terms
    )
    session.commands.call(Kind.PLANT_TERMS, told, len(terms))
    most = session.hello.max_payload // _LINE.size
    for first in range(0, len(lines), most):
        part = lines[first : first + most]
        session.commands.call(Kind.PLANT_LINES, b"".join(map(_packed, part)), len(part))
    session.commands.call(Kind.PLANT_START, len(lines).to_bytes(4, "little"))


def _drives(
    potential: Potential, wiring: Wiring, truth: Calibration, outputs: dict[str, int]
) -> Iterable[PlantLine]:
    names = [wiring.parameters[name] for name in potential.names]
    scale = Scale.of(names, truth, potential)
    for term, family in enumerate(potential.families.values()):
        numbers = range(family.where.start, family.where.stop)
        for number, ends in zip(numbers, family.ends.tolist(), strict=True):
            gain, offset = float(scale.gain[number]), float(scale.offset[number])
            yield PlantLine(DRIVE, outputs[names[number]], ends[0], gain, offset, term, *ends[1:])


def _plugged(numbers: dict[str, int], flaws: Imperfections) -> dict[str, int]:
    """Return the channel numbers by name, with plugs swapped."""
    found = dict(numbers)
    for pair in flaws.swapped:
        if len(pair) != 2:
            raise InvalidInput(f"swapped names {pair}; give pairs of channels")
        first, second = pair
        if first in found and second in found:
            found[first], found[second] = found[second], found[first]
    return found


def _packed(line: PlantLine) -> bytes:
    return _LINE.pack(
        line.role, line.term, line.channel, line.a, line.b, line.c, 0, line.gain, line.offset
    )
