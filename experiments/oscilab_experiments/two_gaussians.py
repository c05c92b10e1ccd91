"""A mixture of two Gaussians in the plane on two coupled oscillators, as in arXiv:2506.19136."""

from __future__ import annotations

from pathlib import Path

from oscilab.data.dataset import Dataset
from oscilab.data.mixture import GaussianMixture, two_gaussians
from oscilab.experiment import Generated, Recipe, Settings

TRAINING_SAMPLES = 20_000


def _load(settings: Settings) -> Dataset:
    return two_gaussians().dataset("two Gaussians", TRAINING_SAMPLES, seed=settings.seed)


def _truth(settings: Settings, generated: Generated) -> GaussianMixture:
    # A raw readout ends at t_min, where the noising is not completely undone.
    truth = two_gaussians()
    return truth if generated.readout == "denoised" else truth.noised(settings.t_min)


def _judge(settings: Settings, dataset: Dataset, generated: Generated) -> dict[str, float]:
    from oscilab.merit.figures import mixture_figures

    return mixture_figures(generated.shown, _truth(settings, generated))


def _draw(settings: Settings, dataset: Dataset, generated: Generated, path: Path) -> Path:
    from oscilab.figures import mixture_picture

    title = f"two-gaussians: {generated.readout} readout over the true density"
    return mixture_picture(generated.shown, _truth(settings, generated), path, title)


TWO_GAUSSIANS = Recipe(
    name="two-gaussians",
    description="a mixture of two Gaussians in the plane, on two coupled oscillators",
    # The modes are oblique, so coupling terms other than x_i x_j are useful.
    defaults={
        "encoder": {"kind": "identity"},
        "terms": [
            "bias",
            "stiffness",
            "cubic",
            "quartic",
            "coupling",
            "square_linear",
            "square_square",
        ],
        "readout": "raw",
        "t_min": 0.01,
        "steps": 800,
        "batch": 1024,
        "rate": 0.1,
        "optimiser": "sgd",
        "samples": 10_000,
    },
    load=_load,
    judge=_judge,
    draw=_draw,
    unused=frozenset({"data", "download", "label", "rows", "columns"}),
)
