"""From settings to what a run is made of: encoder, topology, potential, schedule, noising."""

from __future__ import annotations

from oscilab.bench.devices import Device
from oscilab.data.arrays import near_square
from oscilab.data.dataset import Dataset
from oscilab.data.encoder import Encoder, find_encoder
from oscilab.errors import InvalidInput
from oscilab.experiment.resolve import Experiment
from oscilab.experiment.settings import EncoderSettings, is_path
from oscilab.physics import (
    Confinement,
    Noising,
    Potential,
    Schedule,
    Topology,
    all_to_all,
    geometric,
    lattice,
)
from oscilab.physics.topology import from_file


def fit_encoder(settings: EncoderSettings, dataset: Dataset) -> Encoder:
    """Fit the encoder that the settings ask for, to the training data alone.

    Raises:
        InvalidInput: no such kind of encoder, or data that it cannot be fitted to.
        OscilabError: the kind is installed but cannot be used.
    """
    kind = find_encoder(settings.kind)
    return kind.fit(dataset, **{key: getattr(settings, key) for key in kind.uses})


def array_shape(encoder: Encoder, dataset: Dataset) -> tuple[int, int]:
    """Return the rows and columns of the array: the picture's own, or a near square."""
    if encoder.is_per_feature:
        return dataset.shape
    return near_square(encoder.oscillators)


def build_potential(experiment: Experiment, device: Device, shape: tuple[int, int]) -> Potential:
    """Return the potential to train: the device's own topology and terms, unless the user chose
    others.

    Raises:
        InvalidInput: a topology or term that does not exist, or terms that cannot be confined.
    """
    settings, given = experiment.settings, experiment.given
    own = device.topology()
    topology = own if own is not None and "topology" not in given else None
    terms = settings.terms
    if device.terms is not None and "terms" not in given:
        terms = list(device.terms)
    topology = topology or build_topology(settings.topology, settings.radius, shape)
    potential = Potential(topology, terms)
    for family in potential.families.values():
        if family.name.startswith("gate") and not len(family.ends):
            raise InvalidInput(
                f"term {family.name} needs gates, and the topology {topology.name} has none; leave "
                "that term out"
            )
    Confinement(potential).check_terms()
    return potential


def build_topology(name: str, radius: float, shape: tuple[int, int]) -> Topology:
    """Return the topology called `name` on `shape` (rows, columns), or read the file of that name.

    Raises:
        InvalidInput: no such topology and no such file.
    """
    rows, columns = shape
    if name == "all-to-all":
        return all_to_all(rows, columns)
    if name == "nearest":
        return lattice(rows, columns, 1.0)
    if name == "lattice":
        return lattice(rows, columns, radius)
    if not is_path(name):
        raise InvalidInput(
            f"unknown topology {name!r}; use nearest, lattice, all-to-all or the path of a file "
            "of i,j lines"
        )
    return from_file(name, rows * columns, shape)


def build_schedule(experiment: Experiment) -> Schedule:
    """Return the schedule, in slices of noising time."""
    settings = experiment.settings
    return geometric(
        settings.slices, settings.t_min, settings.t_max, settings.interpolation, settings.stretch
    )


def build_noising(experiment: Experiment, temperature: float) -> Noising:
    """Return the noising at the settings' speed, for a bath at `temperature` (kT = 1)."""
    return Noising(experiment.settings.speed, temperature)
