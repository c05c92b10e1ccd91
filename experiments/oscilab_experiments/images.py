"""Judge and draw the samples of experiments with images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from oscilab.data.dataset import Dataset
from oscilab.experiment import Generated, Settings

if TYPE_CHECKING:
    from oscilab.merit.classifier import ImageClassifier

SHOWN_REAL = 32


def image_judge(every_class: Callable[[Settings], Dataset]) -> Callable[..., dict[str, float]]:
    """Return a judge whose classifier is trained on `every_class`, all ten classes of the data set.

    Classifiers are kept: many runs of a study, in one process, are judged by the same.
    """
    trained: dict[tuple[object, ...], ImageClassifier] = {}

    def judge(settings: Settings, dataset: Dataset, generated: Generated) -> dict[str, float]:
        # Imported here, because scikit-learn is only needed at the end of a run.
        from oscilab.merit.classifier import train_classifier
        from oscilab.merit.figures import image_figures

        key = (settings.data, settings.rows, settings.columns)
        if key not in trained:
            trained[key] = train_classifier(every_class(settings))
        return image_figures(generated.shown, dataset, trained[key])

    return judge


def draw_images(settings: Settings, dataset: Dataset, generated: Generated, path: Path) -> Path:
    """Draw the first samples beside real examples."""
    from oscilab.figures import sample_grid

    only = "" if settings.label is None else f", class {settings.label}"
    title = f"{settings.experiment}{only}: {generated.readout} readout"
    return sample_grid(
        generated.shown,
        dataset.shape,
        path,
        title,
        real=dataset.train[:SHOWN_REAL],
        low=dataset.low,
        high=dataset.high,
    )
