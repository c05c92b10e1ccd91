"""What a run file says of the array and of the schedule, and how both are read back."""

from __future__ import annotations

from typing import Any

import numpy as np

from oscilab.errors import InvalidInput
from oscilab.physics.noising import Noising
from oscilab.physics.potential import Potential
from oscilab.physics.schedule import Schedule
from oscilab.physics.terms import BUILT_IN
from oscilab.physics.topology import Topology
from oscilab.traces import hdf5
from oscilab.traces.plan import RunPlan

MOST_ENDS = 3


def write_array_description(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """The potential by topology and terms, its bounds, and what the array can do."""
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
    # A netCDF dimension of length zero would grow; one row of -1 stands for none.
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


def read_potential(entry: hdf5.Group) -> Potential:
    """The potential of a run.

    Raises:
        InvalidInput: it has a term that cannot be rebuilt from its name, or one whose places
            on the topology differ from those stored.
    """
    group = entry["array"]
    terms = [name.decode("utf-8") for name in group["terms"][:]]
    custom = [name for name, known in zip(terms, group["built_in"][:], strict=True) if not known]
    unknown = custom or [name for name in terms if name not in BUILT_IN]
    if unknown:
        raise InvalidInput(
            f"the run's potential has the term {unknown[0]}, which is not one of oscilab's "
            f"({', '.join(BUILT_IN)}); build the potential yourself and read protocol/parameters"
        )
    rows, columns = (int(length) for length in group["layout"][:])
    topology = Topology(
        hdf5.read_text(group["topology"]),
        rows * columns,
        _rows(group["edges"][:]),
        (rows, columns),
        _rows(group["gates"][:]),
    )
    potential = Potential(topology, terms)
    names = [name.decode("utf-8") for name in group["parameter_name"][:]]
    if potential.names != names:
        raise InvalidInput(
            "the run's parameters are not those that its topology and terms give here; read it "
            "with the version of oscilab that wrote it"
        )
    return potential


def _rows(stored: Any) -> Any:
    return stored[(stored >= 0).all(axis=1)].astype(np.int64)


def write_schedule(entry: hdf5.Group, plan: RunPlan, scales: dict[str, Any]) -> None:
    """Edges, nodes and durations of the slices, and the noising they discretise."""
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
    """What `write_schedule` wrote."""
    group = entry["schedule"]
    interpolation: Any = hdf5.read_text(group["interpolation"])
    noising = Noising(float(group["speed"][()]), float(group["temperature"][()]))
    return Schedule(group["edges"][:], interpolation, float(group["stretch"][()])), noising
