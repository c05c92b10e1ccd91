"""Settings without effect are refused, and paths are relative to their file."""

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.experiment import resolve


@pytest.mark.parametrize(
    ("key", "name", "sentence"),
    [
        ("rule", "hebb", "unknown rule 'hebb'; the rules are force-matching, "),
        ("optimiser", "lbfgs", "unknown optimiser 'lbfgs'; the optimisers are adam, sgd"),
        ("encoder.kind", "wavelet", "unknown encoder 'wavelet'; the encoders are identity, "),
        ("judge", "turing", "unknown judge 'turing'; the judges are data"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(key, name, sentence):
    with pytest.raises(InvalidInput, match=f"^experiment digits: {sentence}"):
        resolve("digits", {key: name})


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"radius": 2.3}, r"radius of 2\.3 means nothing to the topology all-to-all"),
        ({"radius": 2.3, "topology": "nearest"}, "means nothing to the topology nearest"),
        ({"encoder.components": 8}, "encoder.components means nothing .* kind 'range'.*reach"),
        ({"encoder.kind": "scale", "encoder.reach": 2.0}, "encoder.reach means nothing"),
        ({"delta": 0.2}, "delta means nothing to the rule force-matching; .* use the rule cd1 or"),
        ({"rule": "cd1", "features_at": "measured"}, "features_at .* the rule force-matching$"),
    ],
)
def test_what_would_be_ignored_is_refused(overrides, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        resolve("digits", overrides)


def test_settings_with_an_effect_are_accepted():
    chosen = resolve("digits", {"radius": 2.3, "topology": "lattice", "encoder.reach": 1.5})
    assert (chosen.settings.radius, chosen.settings.encoder.reach) == (2.3, 1.5)
    # Defaults for the recipe's own kind of encoder are not an error of the user.
    assert resolve("digits", {"encoder.kind": "principal"}).settings.encoder.kind == "principal"


def test_paths_of_an_experiment_file_start_from_its_folder(tmp_path, monkeypatch):
    folder = tmp_path / "study"
    folder.mkdir()
    np.save(folder / "mine.npy", np.zeros((20, 2)))
    (folder / "study.toml").write_text('data = "mine.npy"\ntopology = "edges.csv"\n')
    monkeypatch.chdir(tmp_path)
    settings = resolve("study/study.toml").settings
    assert settings.data is not None
    assert (tmp_path / settings.data).is_file()
    assert (tmp_path / settings.topology).parent == folder
    assert resolve("study/study.toml", {"topology": "nearest"}).settings.topology == "nearest"
