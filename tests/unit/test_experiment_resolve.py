"""Resolution of the user's arguments to a recipe with complete settings."""

from __future__ import annotations

import pytest
from small_packages import SmallPackages

from oscilab.errors import InvalidInput, OscilabError
from oscilab.experiment import Settings, list_experiments, recipe_named, resolve


def experiment_file(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(experiment, overrides=None):
    with pytest.raises(InvalidInput) as caught:
        resolve(experiment, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_name_brings_the_recipes_defaults():
    found = resolve("digits")
    assert found.recipe is recipe_named("digits")
    assert found.given == frozenset()
    assert found.settings.experiment == "digits"
    for key, value in found.recipe.defaults.items():
        if key != "encoder":
            assert getattr(found.settings, key) == value
    # Settings that the recipe does not set have their defaults.
    assert found.settings.weighting == Settings().weighting


def test_overrides_win_over_the_recipe():
    assert recipe_named("digits").defaults["steps"] != 7
    found = resolve("digits", {"steps": 7, "topology": "nearest"})
    assert (found.settings.steps, found.settings.topology) == (7, "nearest")
    assert found.given == {"steps", "topology"}
    assert found.settings.rate == recipe_named("digits").defaults["rate"]


def test_a_dotted_override_changes_one_key_of_a_table():
    defaults = recipe_named("digits").defaults["encoder"]
    assert defaults == {"kind": "range", "reach": defaults["reach"]}
    found = resolve("digits", {"encoder.reach": 2.5})
    assert found.settings.encoder.kind == "range"
    assert found.settings.encoder.reach == 2.5
    assert found.given == {"encoder"}


def test_dotted_overrides_add_to_a_table_given_before():
    overrides = {"encoder": {"kind": "principal"}, "encoder.components": 3, "encoder.floor": 0.5}
    encoder = resolve("digits", overrides).settings.encoder
    assert (encoder.kind, encoder.components, encoder.floor) == ("principal", 3, 0.5)
    assert overrides["encoder"] == {"kind": "principal"}


def test_resolving_leaves_recipes_as_they_are():
    before = str(recipe_named("digits").defaults)
    resolve("digits", {"encoder.kind": "scale", "steps": 3})
    assert str(recipe_named("digits").defaults) == before
    assert resolve("digits").settings.encoder.kind == "range"


FILE = """\
experiment = "two-gaussians"
slices = 5
terms = ["bias", "stiffness"]
[encoder]
kind = "scale"
rms = 3.0
"""


def test_a_file_names_its_recipe_and_its_settings(tmp_path):
    path = experiment_file(tmp_path, FILE)
    for given in (path, str(path)):
        found = resolve(given)
        assert found.recipe.name == found.settings.experiment == "two-gaussians"
        assert found.settings.slices == 5
        assert found.settings.terms == ["bias", "stiffness"]
        # The table is merged with the recipe's, key by key.
        assert (found.settings.encoder.kind, found.settings.encoder.rms) == ("scale", 3.0)
        assert found.settings.readout == recipe_named("two-gaussians").defaults["readout"]
        assert {"slices", "terms", "encoder"} <= found.given


def test_overrides_win_over_the_file(tmp_path):
    path = experiment_file(tmp_path, FILE)
    found = resolve(path, {"slices": 9, "encoder.kind": "scale", "seed": 4})
    assert (found.settings.slices, found.settings.seed) == (9, 4)
    assert (found.settings.encoder.kind, found.settings.encoder.rms) == ("scale", 3.0)
    assert {"slices", "terms", "encoder", "seed"} <= found.given


def test_a_file_without_a_name_is_digits_or_ones_own_data(tmp_path):
    assert resolve(experiment_file(tmp_path, "slices = 3")).recipe.name == "digits"
    found = resolve(experiment_file(tmp_path, 'data = "faces.npy"'))
    assert (found.recipe.name, found.settings.data) == ("array", str(tmp_path / "faces.npy"))


@pytest.mark.parametrize("name", ["faces.npy", "some/faces.npz"])
def test_an_array_file_is_ones_own_data(name):
    found = resolve(name, {"slices": 4})
    assert (found.recipe.name, found.settings.experiment) == ("array", "array")
    assert (found.settings.data, found.settings.slices) == (name, 4)
    assert found.given == {"data", "slices"}


def test_an_unknown_experiment_lists_the_installed_ones():
    message = refusal("digit")
    assert message.startswith("unknown experiment 'digit'; installed: array, digits, mnist01, ")
    assert message.endswith("did you mean 'digits'?")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"sclies": 3}, "experiment digits: unknown key sclies; known: experiment, data, "),
        ({"sclies": 3}, "did you mean 'slices'?"),
        ({"learning.rate": 3}, "experiment digits: unknown key learning; known: "),
        ({"encoder.rm": 3}, "unknown key encoder.rm; known: kind, rms, reach, components, floor"),
        ({"encoder.rm": 3}, "did you mean 'rms'?"),
        ({"encoder.rms.x": 3}, "experiment digits: encoder.rms is {'x': 3}, but must be a number"),
        ({"encoder.a.b": 3}, "experiment digits: unknown key encoder.a; known: kind, rms, "),
        ({"slices.x": 3}, "experiment digits: slices is {'x': 3}, but must be an integer"),
        ({"slices": "many"}, "experiment digits: slices is 'many', but must be an integer"),
        ({"encoder": "principal"}, "encoder is 'principal', but must be a table"),
        (
            {"encoder": "principal", "encoder.components": 3},
            "encoder.components is set, but encoder is 'principal' and not a table; leave one",
        ),
        ({"t_min": 3.5}, "experiment digits: t_min is 3.5, not below t_max 3; lower it"),
        ({"t_min": 0.5, "t_max": 0.5}, "t_min is 0.5, not below t_max 0.5; lower it"),
        (
            {"experiment": "mnist01"},
            "experiment digits: it cannot be given experiment = 'mnist01' as well; leave one",
        ),
        ({"rows": 12}, "digits has no use for rows; leave"),
    ],
)
def test_overrides_that_cannot_be(overrides, words):
    assert words in refusal("digits", overrides)


def test_a_setting_without_use_is_named():
    assert "two-gaussians has no use for label, rows; leave" in refusal(
        "two-gaussians", {"label": 1, "rows": 3, "slices": 2}
    )


def test_data_cannot_be_named_twice():
    message = refusal("faces.npy", {"data": "others.npy"})
    assert "experiment faces.npy: it cannot be given data = 'others.npy' as well" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('experiment = "digit"', "unknown experiment 'digit'; installed: "),
        ("experiment = 3", "experiment file PATH: experiment is 3, but must be a name in quotes"),
        ("slcies = 3", "experiment file PATH: unknown key slcies; known: "),
        ("[encoder]\nrsm = 3", "experiment file PATH: unknown key encoder.rsm; known: kind, "),
        ("slices = 2.5", "experiment file PATH: slices is 2.5, but must be an integer"),
        ("t_min = 4", "experiment file PATH: t_min is 4, not below t_max 3; lower it"),
        ("slices = ", "experiment file PATH is not valid TOML: "),
        ("encoder = 3\n", "experiment file PATH: encoder is 3, but must be a table"),
    ],
)
def test_files_that_cannot_be(tmp_path, text, words):
    path = experiment_file(tmp_path, text)
    assert words.replace("PATH", str(path)) in refusal(path)


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "gone.toml"
    assert f"experiment file {path} cannot be read: " in refusal(path)


def test_every_installed_experiment_is_listed_with_a_line():
    found = list_experiments()
    assert {"array", "digits", "mnist01", "two-gaussians"} <= set(found)
    for name, line in found.items():
        assert line == recipe_named(name).description
        assert line
        assert "\n" not in line


def test_a_broken_package_hides_no_other_experiment(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    SmallPackages(tmp_path).install(
        "torn", {"torn.py": "import gone_missing"}, {"oscilab.experiments": {"torn": "torn:RECIPE"}}
    )
    found = list_experiments()
    assert found["torn"].startswith("cannot be used: the experiment 'torn' cannot be loaded")
    assert found["digits"] == recipe_named("digits").description


@pytest.mark.parametrize("name", ["array", "digits", "mnist01", "two-gaussians"])
def test_what_a_recipe_says_of_settings_exists(name):
    recipe = recipe_named(name)
    assert recipe.name == name
    assert set(recipe.defaults) <= set(Settings.model_fields)
    assert recipe.unused <= set(Settings.model_fields)
    assert not recipe.unused & set(recipe.defaults)


def test_an_entry_that_is_no_recipe(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    SmallPackages(folder).install(
        "odd", {"odd_pkg.py": "THING = 3"}, {"oscilab.experiments": {"odd": "odd_pkg:THING"}}
    )
    with pytest.raises(OscilabError, match="experiment 'odd' is 3, not a Recipe; fix its package"):
        resolve("odd")
