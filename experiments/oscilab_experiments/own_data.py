"""The experiment on the user's own data, from a NumPy file."""

from __future__ import annotations

from pathlib import Path

from oscilab.data.arrays import load_array
from oscilab.data.dataset import Dataset
from oscilab.errors import InvalidInput
from oscilab.experiment import Recipe, Settings
from oscilab.experiment.recipe import judge_data
from oscilab_experiments.images import draw_images


def _load(settings: Settings) -> Dataset:
    if settings.data is None:
        raise InvalidInput(
            "experiment array needs a .npy or .npz file; name it with --data FILE, or as the "
            "experiment itself"
        )
    return load_array(Path(settings.data))


ARRAY = Recipe(
    name="array",
    description="one's own data: a .npy or .npz file of [sample, oscillator] or images",
    defaults={},
    load=_load,
    judge=judge_data,
    draw=draw_images,
    unused=frozenset({"download", "rows", "columns"}),
)
