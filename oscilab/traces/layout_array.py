"""Write and read the description of array and schedule in a run file."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.physics.family import Family
from oscilab.physics.noising import Noising
from oscilab.physics.potential import Potential
from oscilab.physics.schedule import Schedule
from oscilab.physics.terms import BUILT_IN, Monomial, PolynomialTerm, Term, find_term
from oscilab.physics.topology import Topology
from oscilab.traces import hdf5
from oscilab.traces.plan import RunPlan
from oscilab.types import IntArray

MOST_ENDS = 3


def write_array_description(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Write topology, terms, bounds and capabilities of the array."""
    description = plan.description
    group = hdf5.make_group(entry, "array", "NXcollection")
    _write_potential(group, description.potential, scales)
    parameter, oscillator = [scales["parameter"]], [scales["oscillator"]]
    for name in ("lower", "upper"):
        values = getattr(description.box, name)
        hdf5.write_array(group, f"parameter_{name}", values, parameter, units="1")
        clamp = getattr(description, f"clamp_{name}")
        hdf5.write_array(group, f"clamp_{name}", clamp, oscillator, units="1")
    hdf5.write_array(group, "time_scale", description.time_scale, [], units="s")
    hdf5.write_array(group, "temperature", description.temperature, [], units="1")
    hdf5.write_json(group, "capabilities", sorted(description.capabilities))


def _write_potential(group: hdf5.Group, potential: Potential, scales: dict[str, Any]) -> None:
    topology = potential.topology
    hdf5.write_text(group, "topology", topology.name)
    hdf5.write_array(
        group,
        "layout",
        np.array(topology.shape, np.int32),
        [hdf5.make_bare_scale(group, "layout_axis", 2)],
        long_name="rows and columns in which the oscillators are laid out",
    )
    end = hdf5.make_bare_scale(group, "end", MOST_ENDS)
    pair = hdf5.make_bare_scale(group, "pair", 2)
    # A netCDF dimension of length zero would be unlimited, so a row of -1 means none.
    for name, ends, width in (("edge", topology.edges, pair), ("gate", topology.gates, end)):
        rows = np.asarray(ends, np.int32) if len(ends) else np.full((1, width.shape[0]), -1, "i4")
        count = hdf5.make_bare_scale(group, name, len(rows))
        hdf5.write_array(group, f"{name}s", rows, [count, width], units="1")
    families = list(potential.families.values())
    family = hdf5.make_bare_scale(group, "family", len(families))
    hdf5.write_texts(group, "terms", [each.name for each in families], [family])
    built_in = [BUILT_IN.get(each.name) is each.term for each in families]
    hdf5.write_array(
        group,
        "built_in",
        np.array(built_in, np.int8),
        [family],
        long_name="whether the term can be rebuilt from its name",
    )
    _write_terms(group, families, family, end)
    hdf5.write_array(group, "first_parameter", [each.where.start for each in families], [family])
    hdf5.write_texts(group, "parameter_name", potential.names, [scales["parameter"]])
    ends_of = np.full((potential.parameters, MOST_ENDS), -1, np.int32)
    for each in families:
        ends_of[each.where, : each.term.ends] = each.ends
    hdf5.write_array(
        group,
        "ends",
        ends_of,
        [scales["parameter"], end],
        units="1",
        long_name="the oscillators that a parameter touches, -1 for none",
    )


def _write_terms(
    group: hdf5.Group, families: list[Family], family: hdf5.Dataset, end: hdf5.Dataset
) -> None:
    """Write the terms' monomials, so that they can be rebuilt without their package."""
    found = [
        (number, monomial)
        for number, each in enumerate(families)
        for monomial in each.term.monomials or ()
    ]
    count = hdf5.make_bare_scale(group, "monomial", max(1, len(found)))
    numbers = np.full(count.shape[0], -1, np.int32)
    coefficients = np.zeros(count.shape[0])
    powers = np.full((count.shape[0], MOST_ENDS), -1, np.int32)
    for row, (number, monomial) in enumerate(found):
        numbers[row], coefficients[row] = number, monomial.coefficient
        powers[row, : len(monomial.powers)] = monomial.powers
    hdf5.write_array(
        group,
        "monomial_family",
        numbers,
        [count],
        long_name="the term, in the order of terms, that the monomial is part of; -1 for none",
    )
    hdf5.write_array(
        group,
        "monomial_coefficient",
        coefficients,
        [count],
        units="1",
        long_name="of coefficient * product over ends of x_end ** power, energy per parameter",
    )
    hdf5.write_array(
        group,
        "monomial_powers",
        powers,
        [count, end],
        units="1",
        long_name="of the position at each end, -1 where the term has no such end",
    )
    signed = [isinstance(each.term, PolynomialTerm) and each.term.nonnegative for each in families]
    hdf5.write_array(
        group,
        "nonnegative",
        np.array(signed, np.int8),
        [family],
        long_name="whether the term's energy is known to be nowhere negative",
    )
    for name, side in (("default_lower", 0), ("default_upper", 1)):
        ranges = [each.term.default_range[side] for each in families]
        hdf5.write_array(group, name, np.array(ranges, np.float64), [family], units="1")


def read_potential(entry: hdf5.Group) -> Potential:
    """Return the potential of a run, built from its stored terms.

    Raises:
        InvalidInput: a term is neither stored as a polynomial, nor built in, nor installed, or its
            instances differ from the stored ones.
        OscilabError: a package that provides a term cannot be used.
    """
    group = entry["array"]
    rows, columns = (int(length) for length in group["layout"][:])
    topology = Topology(
        hdf5.read_text(group["topology"]),
        rows * columns,
        _rows(group["edges"][:]),
        (rows, columns),
        _rows(group["gates"][:]),
    )
    potential = Potential(topology, _read_terms(group))
    names = [name.decode("utf-8") for name in group["parameter_name"][:]]
    if potential.names != names:
        raise InvalidInput(
            "the run's parameters are not those that its topology and terms give here; read it "
            "with the version of oscilab that wrote it"
        )
    return potential


def _read_terms(group: hdf5.Group) -> list[Term]:
    names = hdf5.decoded_list(group["terms"][:])
    if "monomial_family" not in group:
        return [
            _named(name, bool(known)) for name, known in zip(names, group["built_in"], strict=True)
        ]
    firsts = [*group["first_parameter"][:].tolist(), group["ends"].shape[0]]
    owners, coefficients, powers, ends = (
        group[name][:]
        for name in ("monomial_family", "monomial_coefficient", "monomial_powers", "ends")
    )
    terms: list[Term] = []
    for number, name in enumerate(names):
        monomials = tuple(
            Monomial(float(coefficients[row]), tuple(int(p) for p in powers[row] if p >= 0))
            for row in np.flatnonzero(owners == number)
        )
        if not monomials:
            terms.append(_named(name, bool(group["built_in"][number])))
            continue
        if name in BUILT_IN and BUILT_IN[name].monomials == monomials:
            terms.append(BUILT_IN[name])
            continue
        placed = ends[firsts[number] : firsts[number + 1], : len(monomials[0].powers)]
        placement = partial(_as_stored, placed.astype(np.int64))
        lower, upper = (float(group[f"default_{side}"][number]) for side in ("lower", "upper"))
        nonnegative = bool(group["nonnegative"][number])
        terms.append(PolynomialTerm(name, monomials, placement, (lower, upper), nonnegative))
    return terms


def _as_stored(ends: IntArray, topology: Topology) -> IntArray:
    return ends


def _named(name: str, is_own: bool) -> Term:
    """Return a term by its name, if only that is stored."""
    if is_own and name in BUILT_IN:
        return BUILT_IN[name]
    try:
        if name not in BUILT_IN:
            return find_term(name)
    except InvalidInput:
        pass
    raise InvalidInput(
        f"the run's potential has the term {name}, which is not one of oscilab's "
        f"({', '.join(BUILT_IN)}) nor of an installed package, and its monomials are not stored; "
        "install the package that brings it, or build the potential yourself and read "
        "protocol/parameters"
    )


def _rows(stored: Any) -> Any:
    return stored[(stored >= 0).all(axis=1)].astype(np.int64)


def write_schedule(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Write edges, nodes and durations of the slices, and the noising."""
    schedule, noising = plan.schedule, plan.noising
    group = hdf5.make_group(entry, "schedule", "NXcollection")
    hdf5.write_text(group, "interpolation", schedule.interpolation)
    edge = hdf5.make_bare_scale(group, "edge", len(schedule.edges))
    hdf5.write_array(
        group, "edges", schedule.edges, [edge], units="1", long_name="noising time of slice edges"
    )
    hdf5.write_array(
        group,
        "nodes",
        schedule.nodes,
        [scales["node"]],
        units="1",
        long_name="noising time at which parameters are learned",
    )
    hdf5.write_array(
        group,
        "durations",
        schedule.durations(schedule.edges, noising.speed),
        [scales["slice"]],
        units="1",
        long_name="array time for which a slice is played",
    )
    hdf5.write_array(group, "stretch", schedule.stretch, [], units="1")
    hdf5.write_array(group, "speed", noising.speed, [], units="1")
    hdf5.write_array(group, "temperature", noising.temperature, [], units="1")


def read_schedule(entry: hdf5.Group) -> tuple[Schedule, Noising]:
    """Read the schedule and noising written by `write_schedule`."""
    group = entry["schedule"]
    interpolation: Any = hdf5.read_text(group["interpolation"])
    noising = Noising(float(group["speed"][()]), float(group["temperature"][()]))
    return Schedule(group["edges"][:], interpolation, float(group["stretch"][()])), noising
