import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from oscilab.data import GaussianMixture, two_gaussians
from oscilab.errors import InvalidInput
from oscilab.figures import loss_curves, mixture_picture, protocol_picture, sample_grid
from oscilab.figures.pictures import MASSES, _laid_out, _levels, mosaic
from oscilab.figures.style import picture
from oscilab.physics import Potential, Protocol, Topology, all_to_all, geometric, lattice

RNG = np.random.default_rng(2)
GATED = Topology("gated", 9, np.array([[0, 1], [4, 8]]), (3, 3), np.array([[0, 1, 2], [5, 3, 4]]))


def protocol(topology, terms, interpolation="constant"):
    potential = Potential(topology, terms)
    schedule = geometric(6, 0.02, 3.0, interpolation)
    parameters = RNG.normal(size=(len(schedule.nodes), potential.parameters))
    return Protocol(potential, schedule, parameters)


def test_a_mosaic_puts_every_image_in_its_place():
    images = np.arange(1.0, 8.0)[:, None] * np.ones((7, 6))
    tiles = mosaic(images, (2, 3), columns=4)
    assert tiles.shape == (2 * 3 + 1, 4 * 4 + 1)
    assert np.isnan(tiles[0]).all()
    assert np.isnan(tiles[:, 4]).all()
    assert (tiles[1:3, 1:4] == 1).all()
    assert (tiles[1:3, 13:16] == 4).all()
    assert (tiles[4:6, 9:12] == 7).all()
    assert np.isnan(tiles[4:6, 13:16]).all()
    assert np.isfinite(tiles).sum() == images.size


def test_ink_is_high_and_paper_is_low(tmp_path):
    samples = np.tile([-1.0, 1.0], (64, 8))
    path = sample_grid(samples, (4, 4), tmp_path / "grid.png", "stripes")
    grey = imread(path)[..., :3].mean(axis=2)
    below_titles = grey[100:]
    assert (below_titles < 0.05).mean() == pytest.approx((below_titles > 0.95).mean(), rel=0.2)
    assert (below_titles < 0.05).mean() > 0.25


def test_real_examples_make_the_picture_wider(tmp_path):
    samples = RNG.normal(size=(64, 16))
    alone = imread(sample_grid(samples, (4, 4), tmp_path / "alone.png", "alone"))
    beside = imread(sample_grid(samples, (4, 4), tmp_path / "both.png", "both", real=samples))
    assert beside.shape[1] > 1.3 * alone.shape[1]
    assert beside.shape[0] == pytest.approx(alone.shape[0], rel=0.02)


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (3, (5, 2)), (200, (12, 12))])
def test_few_many_and_oblong_samples_are_drawn(tmp_path, count, shape):
    samples = RNG.normal(size=(count, shape[0] * shape[1]))
    assert imread(sample_grid(samples, shape, tmp_path / "some.png", "some")).shape[1] >= 500


def test_contours_hold_their_mass():
    grid = np.linspace(-5, 5, 401)
    x, y = np.meshgrid(grid, grid)
    density = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi)
    # Of a unit Gaussian in the plane, 1 - m lies where the density is below (1 - m) / 2 pi.
    expected = [(1 - mass) / (2 * np.pi) for mass in MASSES]
    assert _levels(density) == pytest.approx(expected, rel=0.01)


def test_samples_are_drawn_over_their_density(tmp_path):
    truth = two_gaussians()
    path = mixture_picture(truth.sample(500, 0)[0], truth, tmp_path / "mixture.png", "two modes")
    pixels = imread(path)[..., :3].reshape(-1, 3)
    orange = (pixels[:, 0] > 0.75) & (pixels[:, 2] < 0.2)
    blue = (pixels[:, 2] > pixels[:, 0] + 0.1) & (pixels[:, 2] > 0.6)
    assert orange.sum() > 2000
    assert blue.sum() > 5000


@pytest.mark.parametrize("steps", [1, 5, 500])
@pytest.mark.parametrize("nodes", [1, 7])
def test_losses_are_drawn(tmp_path, steps, nodes):
    losses = RNG.gamma(5, size=(steps, nodes))
    losses[0, 0] = np.nan if steps > 1 else 1.0
    times = np.geomspace(0.02, 3, nodes)
    path = loss_curves(losses, times, tmp_path / "loss.png", "loss", optimum=np.ones(nodes))
    assert imread(path).ndim == 3


@pytest.mark.parametrize(
    "driven",
    [
        protocol(all_to_all(2), ["bias", "stiffness", "quartic", "coupling"]),
        protocol(lattice(4, 3, 1.0), ["bias", "stiffness", "coupling"], "linear"),
        protocol(lattice(1, 1, 1.0), ["stiffness", "coupling"]),
        protocol(GATED, ["stiffness", "square_linear", "gate_coupling", "gate_bias"]),
    ],
)
def test_protocols_are_drawn(tmp_path, driven):
    path = protocol_picture(driven, tmp_path / "protocol.png", "protocol")
    assert imread(path).ndim == 3


def test_maps_lay_sites_and_pairs_out():
    driven = protocol(GATED, ["stiffness", "coupling", "square_linear", "gate_coupling"])
    families, values = driven.potential.families, np.array([1.0, 2.0, 3.0, 4.0])
    sites = _laid_out(driven, families["stiffness"], np.arange(9.0))
    assert np.array_equal(sites, np.arange(9.0).reshape(3, 3))
    pairs = _laid_out(driven, families["coupling"], values[:2])
    assert (pairs[0, 1], pairs[1, 0], pairs[4, 8], pairs[8, 4]) == (1, 1, 2, 2)
    orders = _laid_out(driven, families["square_linear"], values)
    for value, (i, j) in zip(values, families["square_linear"].ends, strict=True):
        assert orders[i, j] == value
    assert np.isfinite(orders).sum() == 4
    assert _laid_out(driven, families["gate_coupling"], values[:2]) is None


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda path: sample_grid(np.zeros((4, 9)), (2, 4), path, ""), "cannot be shown as 2 x 4"),
        (lambda path: sample_grid(np.zeros((0, 9)), (3, 3), path, ""), r"\(0, 9\) cannot be shown"),
        (lambda path: sample_grid(np.full((4, 9), np.nan), (3, 3), path, ""), "must be finite"),
        (lambda path: mixture_picture(np.zeros((4, 3)), two_gaussians(), path, ""), "two features"),
        (
            lambda path: mixture_picture(
                np.zeros((4, 2)),
                GaussianMixture(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))),
                path,
                "",
            ),
            "mixture in 1 dimensions",
        ),
        (lambda path: loss_curves(np.ones((5, 2)), np.ones(3), path, ""), "make no curves"),
        (lambda path: loss_curves(np.ones((5, 2)), np.array([0, 1.0]), path, ""), "above zero"),
        (
            lambda path: loss_curves(np.full((5, 1), np.nan), np.ones(1), path, ""),
            "nothing to draw",
        ),
    ],
)
def test_what_cannot_be_drawn_leaves_an_older_picture_alone(tmp_path, draw, message):
    path = tmp_path / "old.png"
    path.write_bytes(b"an older picture")
    with pytest.raises(InvalidInput, match=message):
        draw(path)
    assert path.read_bytes() == b"an older picture"
    assert [file.name for file in tmp_path.iterdir()] == ["old.png"]


def test_a_drawing_that_fails_halfway_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), picture(tmp_path / "half.png", 2, 2) as figure:
        figure.subplots().plot([0, 1 / 0])
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named_and_keeps_nothing(tmp_path):
    samples = np.zeros((4, 4))
    with pytest.raises(InvalidInput, match=r"gone.one\.png cannot be written"):
        sample_grid(samples, (2, 2), tmp_path / "gone" / "one.png", "")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InvalidInput, match=r"folder\.png cannot be written"):
        sample_grid(samples, (2, 2), tmp_path / "folder.png", "")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
    with pytest.raises(InvalidInput, match=r"must be named with \.png"):
        sample_grid(samples, (2, 2), tmp_path / "one.jpg", "")


def test_nothing_heavy_is_imported_before_it_is_needed_and_pyplot_never(tmp_path):
    script = f"""
import sys
import numpy as np
import oscilab.data, oscilab.merit, oscilab.figures
early = {{"sklearn", "matplotlib", "scipy", "pooch", "platformdirs"}} & set(sys.modules)
oscilab.figures.sample_grid(np.zeros((4, 4)), (2, 2), {str(tmp_path / "one.png")!r}, "one")
print(sorted(early), "matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[] False\n", "")
