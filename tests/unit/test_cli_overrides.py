import pytest

from oscilab.cli.options import overrides, parse_setting
from oscilab.errors import InvalidInput


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("batch=512", "batch", 512),
        ("optimiser.rate=5e-2", "optimiser.rate", 0.05),
        ("rule=cd1", "rule", "cd1"),
        ('rule="cd1"', "rule", "cd1"),
        ("download=true", "download", True),
        ("labels=[0, 1]", "labels", [0, 1]),
        ("encoder={kind = 'pca', components = 32}", "encoder", {"kind": "pca", "components": 32}),
        (" note = two words ", "note", "two words"),
        ("filter=a=b", "filter", "a=b"),
        ("data=C:\\data\\mnist", "data", "C:\\data\\mnist"),
        ("value=1\nother=2", "value", "1\nother=2"),
    ],
)
def test_a_setting_is_read_as_toml_or_as_it_stands(setting, key, value):
    assert parse_setting(setting) == (key, value)


@pytest.mark.parametrize("setting", ["batch", "=3", "", "a b=3", "a..b=3", ".a=3", "a.=3"])
def test_a_setting_of_another_form_is_refused(setting):
    with pytest.raises(InvalidInput, match="is not of the form key=value"):
        parse_setting(setting)


def test_a_setting_without_a_value_is_refused():
    with pytest.raises(InvalidInput, match="'batch=' has no value"):
        parse_setting("batch=")


def test_only_what_was_given_is_overridden():
    flags = {"slices": 24, "seed": None, "radius": 0.0}
    assert overrides(flags, ["batch=8"]) == {"slices": 24, "radius": 0.0, "batch": 8}


@pytest.mark.parametrize("settings", [["slices=4"], ["batch=1", "batch=1"]])
def test_the_same_key_twice_is_refused(settings):
    with pytest.raises(InvalidInput, match="is set twice"):
        overrides({"slices": 24}, settings)
