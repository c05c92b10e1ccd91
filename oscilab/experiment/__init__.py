"""Experiments: recipes, their settings, and how a name becomes a run."""

from oscilab.experiment.recipe import Generated, Recipe
from oscilab.experiment.resolve import Experiment, list_experiments, recipe_named, resolve
from oscilab.experiment.settings import EncoderSettings, Settings

__all__ = [
    "EncoderSettings",
    "Experiment",
    "Generated",
    "Recipe",
    "Settings",
    "list_experiments",
    "recipe_named",
    "resolve",
]
