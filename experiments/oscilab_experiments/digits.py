"""The default experiment: handwritten 0s and 1s on an 8x8 array, without a download."""

from __future__ import annotations

from oscilab.data.dataset import Dataset
from oscilab.data.images import load_digits
from oscilab.experiment import Recipe, Settings
from oscilab_experiments.images import draw_images, image_judge


def _load(settings: Settings) -> Dataset:
    return load_digits((0, 1), seed=0)


def _every_class(settings: Settings) -> Dataset:
    return load_digits(None, seed=0)


DIGITS = Recipe(
    name="digits",
    description="handwritten 0s and 1s, 8x8 pixels, one oscillator a pixel",
    # Chosen for pictures that a person can read (see the table in experiments/README.md): mid-grey
    # at zero, so that a quartic makes black and white two wells, and slices held longer.
    defaults={
        "encoder": {"kind": "range", "reach": 2.0},
        "stretch": 1.35,
        "steps": 1000,
        "rate": 0.1,
    },
    load=_load,
    judge=image_judge(_every_class),
    draw=draw_images,
    unused=frozenset({"data", "download", "rows", "columns"}),
)
