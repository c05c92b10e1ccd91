"""Studies: sweeps over runs, each ending in one figure and one table."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from oscilab.errors import InvalidInput
from oscilab.plugins import choices
from oscilab_experiments.studies.study import Study

STUDIES: Mapping[str, str] = {
    "two-gaussians": "every learning rule compared to the optimum of its terms, in the plane",
    "mnist01": "force matching and CD1 side by side on MNIST's 0s and 1s; needs --data",
    "delta": "bias and variance of every rule's gradient against delta, at equal array time",
    "energetics": "heat and work per sample against the protocol's speed and slices",
}
"""Name and description of each study. Its module has the same name with underscores."""


def study_named(name: str) -> Study:
    """Return the study of that name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in STUDIES:
        raise InvalidInput(f"unknown study {name!r}; {choices(name, STUDIES, 'the studies are')}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return module.STUDY
