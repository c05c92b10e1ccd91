"""From settings to encoder, topology, potential and schedule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oscilab.bench import device_named
from oscilab.data import Dataset, PrincipalEncoder, ScaleEncoder
from oscilab.errors import InvalidInput
from oscilab.experiment import EncoderSettings, resolve
from oscilab.experiment.build import (
    array_shape,
    build_noising,
    build_potential,
    build_schedule,
    build_topology,
    fit_encoder,
)
from oscilab.physics import lattice

RNG = np.random.default_rng(3)
VALUES = RNG.normal(size=(60, 6)) @ RNG.normal(size=(6, 6)) + 5
DATA = Dataset(
    name="small", source="here", train=VALUES[:50], held_out=100 + VALUES[50:], shape=(2, 3),
    low=-10.0, high=30.0,
)  # fmt: skip
BENCH = """\
schema = 1
[devices.grid]
array = "simulated"
topology = { kind = "lattice", rows = 3, columns = 3, radius = 1 }
terms = ["bias", "stiffness", "coupling"]
[devices.shaped]
array = "simulated"
topology = { kind = "file", path = "ring.csv", oscillators = 6, rows = 3, columns = 2 }
[devices.picky]
array = "simulated"
terms = ["stiffness", "coupling"]
"""


@pytest.fixture
def device(tmp_path):
    (tmp_path / "bench.toml").write_text(BENCH)
    (tmp_path / "ring.csv").write_text("0,1\n1,2\n2,0\n")
    return lambda name: device_named(name, str(tmp_path / "bench.toml"))


SIM = device_named("sim")


def test_identity_takes_data_as_positions():
    encoder = fit_encoder(EncoderSettings(kind="identity"), DATA)
    np.testing.assert_array_equal(encoder.encode(VALUES), VALUES)


def test_range_takes_what_a_picture_shows_to_the_reach():
    encoder = fit_encoder(EncoderSettings(kind="range", reach=1.5), DATA)
    np.testing.assert_allclose(encoder.encode([[-10, 30, 10, 0, 20, 40]]),
                               [[-1.5, 1.5, 0, -0.75, 0.75, 2.25]])  # fmt: skip


def test_scale_is_fitted_to_the_training_part_alone():
    encoder = fit_encoder(EncoderSettings(kind="scale", rms=2.0), DATA)
    encoded = encoder.encode(DATA.train)
    assert np.sqrt((encoded**2).mean()) == pytest.approx(2.0)
    assert encoded.mean() == pytest.approx(0, abs=1e-12)


def test_principal_components_are_fitted_to_the_training_part_alone():
    encoder = fit_encoder(EncoderSettings(kind="principal", components=4), DATA)
    assert isinstance(encoder, PrincipalEncoder)
    encoded = encoder.encode(DATA.train)
    np.testing.assert_allclose(encoded.T @ encoded / 50, np.eye(4), atol=1e-9)
    deviations = np.sort(encoder.scales)
    floored = fit_encoder(
        EncoderSettings(kind="principal", components=4, floor=float(deviations[1]) * 1.01), DATA
    )
    assert (floored.scales == deviations[1] * 1.01).sum() == 2


def test_an_array_is_shaped_as_its_pictures_or_nearly_square():
    for shape in [(2, 3), (3, 2), (1, 6)]:
        assert array_shape(ScaleEncoder(1.0, np.zeros(6)), replace(DATA, shape=shape)) == shape
    for components, shape in [(4, (2, 2)), (5, (1, 5)), (6, (2, 3))]:
        encoder = fit_encoder(EncoderSettings(kind="principal", components=components), DATA)
        assert array_shape(encoder, DATA) == shape


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("all-to-all", [[i, j] for i in range(6) for j in range(i + 1, 6)]),
        ("nearest", lattice(2, 3, 1).edges.tolist()),
        ("lattice", lattice(2, 3, 1.5).edges.tolist()),
    ],
)
def test_topologies_by_name(name, edges):
    found = build_topology(name, 1.5, (2, 3))
    assert found.edges.tolist() == edges
    assert found.shape == (2, 3)


def test_a_topology_from_a_file(tmp_path):
    path = tmp_path / "ring.csv"
    path.write_text("0,1\n5,1\n")
    found = build_topology(str(path), 1.5, (2, 3))
    assert found.edges.tolist() == [[0, 1], [1, 5]]
    assert found.shape == (2, 3)
    path.write_text("0,6\n")
    with pytest.raises(InvalidInput, match=r"line 1: there is no oscillator 6; use 0 to 5"):
        build_topology(str(path), 1.5, (2, 3))


@pytest.mark.parametrize("name", ["ring", "all_to_all", ""])
def test_an_unknown_topology(name):
    with pytest.raises(InvalidInput) as caught:
        build_topology(name, 1.5, (2, 3))
    assert str(caught.value) == (
        f"unknown topology {name!r}; use nearest, lattice, all-to-all or the path of a file of i,j "
        "lines"
    )


@pytest.mark.parametrize("name", ["gone.csv", "./gone", "some\\gone"])
def test_a_topology_file_that_is_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"edge list .*gone.* cannot be read: .*; check its"):
        build_topology(name, 1.5, (2, 3))


def test_the_built_in_device_takes_what_is_asked_for():
    experiment = resolve("digits", {"topology": "lattice", "radius": 1.0})
    found = build_potential(experiment, SIM, (2, 3))
    assert found.topology.edges.tolist() == lattice(2, 3, 1).edges.tolist()
    assert list(found.families) == experiment.settings.terms


def test_a_device_with_a_topology_and_terms_of_its_own_decides(device):
    found = build_potential(resolve("digits"), device("grid"), (2, 3))
    assert found.topology.edges.tolist() == lattice(3, 3, 1).edges.tolist()
    assert list(found.families) == ["bias", "stiffness", "coupling"]
    shaped = build_potential(resolve("digits"), device("shaped"), (2, 3))
    assert shaped.topology.edges.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert shaped.topology.shape == (3, 2)
    assert list(shaped.families) == resolve("digits").settings.terms


def test_what_the_user_gives_comes_before_the_device(device):
    experiment = resolve("digits", {"topology": "all-to-all"})
    found = build_potential(experiment, device("grid"), (2, 3))
    assert len(found.topology.edges) == 15
    assert list(found.families) == ["bias", "stiffness", "coupling"]
    experiment = resolve("digits", {"terms": ["stiffness", "bias"]})
    found = build_potential(experiment, device("grid"), (2, 3))
    assert found.oscillators == 9
    assert list(found.families) == ["stiffness", "bias"]


def test_a_device_may_fix_its_terms_alone(device):
    found = build_potential(resolve("digits"), device("picky"), (2, 3))
    assert list(found.families) == ["stiffness", "coupling"]
    assert len(found.topology.edges) == 15


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (["bias", "bais"], "unknown term 'bais'; the terms are bias, stiffness, "),
        (["bias", "bias"], "term bias is named twice; name it once"),
        (["stiffness", "cubic"], "the potential has cubic but no quartic, which alone confines a"),
        (["stiffness", "square_linear"], "has square_linear but no quartic, which alone confines"),
    ],
)
def test_terms_that_cannot_be(terms, words):
    with pytest.raises(InvalidInput) as caught:
        build_potential(resolve("digits", {"terms": terms}), SIM, (2, 3))
    assert words in str(caught.value)


def test_the_schedule_is_the_settings_own():
    experiment = resolve(
        "digits",
        {"slices": 3, "t_min": 0.1, "t_max": 2.7, "interpolation": "linear", "stretch": 1.25},
    )
    found = build_schedule(experiment)
    np.testing.assert_allclose(found.edges, [0.1, 0.3, 0.9, 2.7])
    assert (found.interpolation, found.stretch) == ("linear", 1.25)


def test_the_noising_has_the_settings_speed_and_the_baths_temperature():
    found = build_noising(resolve("digits", {"speed": 0.5}), 2.0)
    assert (found.speed, found.temperature) == (0.5, 2.0)
