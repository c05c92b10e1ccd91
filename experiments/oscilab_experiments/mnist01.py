"""MNIST's 0s and 1s, averaged to the size of the array, as in arXiv:2506.19136."""

from __future__ import annotations

from oscilab.data.dataset import Dataset
from oscilab.data.images import load_mnist
from oscilab.experiment import Recipe, Settings
from oscilab_experiments.images import draw_images, image_judge

SIDE = 12


def _load_classes(settings: Settings, labels: tuple[int, ...] | None) -> Dataset:
    rows, columns = settings.rows or SIDE, settings.columns or settings.rows or SIDE
    return load_mnist(settings.data, rows, columns, labels, download=settings.download)


def _load(settings: Settings) -> Dataset:
    return _load_classes(settings, (0, 1))


def _every_class(settings: Settings) -> Dataset:
    return _load_classes(settings, None)


MNIST01 = Recipe(
    name="mnist01",
    description="MNIST 0s and 1s, area-averaged to 12x12 pixels (or rows x columns)",
    defaults={
        "encoder": {"kind": "range", "reach": 2.0},
        "stretch": 1.15,
        "steps": 800,
        "rate": 0.1,
    },
    load=_load,
    judge=image_judge(_every_class),
    draw=draw_images,
)
