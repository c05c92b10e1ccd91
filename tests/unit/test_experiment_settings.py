"""Every setting: its default, bounds, and storage in a run file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from oscilab.bench.tables import validated
from oscilab.errors import InvalidInput
from oscilab.experiment import EncoderSettings, Settings, recipe_named, resolve


def through_a_file(settings):
    """Return the settings after conversion to JSON and back, as in a run file."""
    text = json.dumps(settings.model_dump(mode="json"), allow_nan=False)
    return validated(Settings, json.loads(text), "run r.h5")


@pytest.mark.parametrize("name", ["digits", "two-gaussians", "mnist01", "array"])
def test_a_recipes_settings_survive_a_run_file(name):
    settings = resolve(name).settings
    assert settings == validated(Settings, {**recipe_named(name).defaults, "experiment": name}, "")
    assert through_a_file(settings) == settings


def test_settings_of_every_kind_survive_a_run_file():
    settings = Settings(
        experiment="mnist01",
        data="C:\\data\\mnist",
        download=True,
        label=3,
        rows=10,
        columns=12,
        encoder=EncoderSettings(kind="principal", components=32, floor=0.1),
        topology="edges/ring.csv",
        radius=2.3,
        terms=["stiffness", "coupling"],
        t_min=0.1 + 0.2,
        interpolation="linear",
        seed=2**63,
    )
    assert through_a_file(settings) == settings
    assert through_a_file(settings).t_min == 0.1 + 0.2


def test_defaults_are_settings_that_can_be_given():
    """Defaults are not validated when they are used, so they are checked here."""
    assert validated(Settings, Settings().model_dump(), "defaults") == Settings()


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().slices = 3
    # Lists are not shared between instances.
    Settings().terms.append("cubic")
    assert Settings().terms == ["bias", "stiffness", "quartic", "coupling"]


def test_a_whole_number_serves_as_a_real_one():
    assert validated(Settings, {"rate": 1, "radius": 2}, "file f").rate == 1.0


@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("slices", 0, "must be greater than or equal to 1"),
        ("slices", 2.5, "must be an integer"),
        ("slices", "8", "must be an integer"),
        ("steps", True, "must be an integer"),
        ("steps", -1, "must be greater than or equal to 1"),
        ("batch", 0, "must be greater than or equal to 1"),
        ("samples", 0, "must be greater than or equal to 1"),
        ("checkpoint_every", 0, "must be greater than or equal to 1"),
        ("rows", 0, "must be greater than or equal to 1"),
        ("columns", 0, "must be greater than or equal to 1"),
        ("seed", -1, "must be greater than or equal to 0"),
        ("t_min", 1e-300, "must be greater than or equal to 0.000001"),
        ("t_max", np.inf, "must be a finite number"),
        ("t_max", 1e300, "must be less than or equal to 1000"),
        ("speed", 1e-300, "must be greater than or equal to 0.001"),
        ("speed", 1e300, "must be less than or equal to 1000"),
        ("stretch", -1.0, "must be greater than or equal to 0.001"),
        ("delta", 1e-17, "must be greater than or equal to 0.0001"),
        ("rate", 0.0, "must be greater than 0"),
        ("rate", np.nan, "must be a finite number"),
        ("rate", "fast", "must be a number"),
        ("final_rate", 1.5, "must be less than or equal to 1"),
        ("final_rate", 0.0, "must be greater than 0"),
        ("averaged", -0.1, "must be greater than or equal to 0"),
        ("averaged", 1.1, "must be less than or equal to 1"),
        ("radius", -1.0, "must be greater than or equal to 0"),
        ("radius", np.inf, "must be a finite number"),
        ("download", 1, "must be a boolean"),
        ("label", "one", "must be an integer"),
        ("data", 3, "must be a string"),
        ("topology", None, "must be a string"),
        ("terms", "bias", "must be a list"),
        ("interpolation", "cubic", "must be 'constant' or 'linear'"),
        ("weighting", "none", "must be 'variance' or 'uniform'"),
        ("features_at", "both", "must be 'set_points' or 'measured'"),
        ("optimiser", 3, "must be a string"),
        ("readout", "mean", "must be 'raw' or 'denoised'"),
        ("encoder", 3, "must be a table"),
    ],
)
def test_a_value_that_does_not_fit(key, value, bound):
    with pytest.raises(InvalidInput) as caught:
        validated(Settings, {key: value}, "file f")
    assert str(caught.value).startswith(f"file f: {key} is {value!r}, but {bound}")


@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("kind", 3, "must be a string"),
        ("rms", 0.0, "must be greater than 0"),
        ("reach", -2.0, "must be greater than 0"),
        ("components", 0, "must be greater than or equal to 1"),
        ("floor", -0.5, "must be greater than or equal to 0"),
        ("floor", np.inf, "must be a finite number"),
    ],
)
def test_an_encoder_setting_that_does_not_fit(key, value, bound):
    with pytest.raises(InvalidInput) as caught:
        validated(Settings, {"encoder": {key: value}}, "file f")
    assert str(caught.value) == f"file f: encoder.{key} is {value!r}, but {bound}"


def test_no_terms_at_all():
    with pytest.raises(InvalidInput, match=r"file f: terms is \[\], but .* at least 1 item"):
        validated(Settings, {"terms": []}, "file f")
