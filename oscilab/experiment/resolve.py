"""From what the user named to a recipe and its complete settings.

Settings that name nothing, or that have no effect beside the others, are refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from oscilab.bench.tables import read_toml, validated
from oscilab.data.encoder import find_encoder
from oscilab.errors import InvalidInput, OscilabError
from oscilab.experiment.recipe import Judge, Recipe, find_judge
from oscilab.experiment.settings import Settings, is_path
from oscilab.learning.optimisers import find_optimiser
from oscilab.learning.rules import RULE_SETTINGS, RULES, find_rule
from oscilab.plugins import choices, installed, load

GROUP = "oscilab.experiments"
ARRAY_FILES = (".npy", ".npz")
OWN_DATA = "array"


@dataclass(frozen=True, eq=False)
class Experiment:
    """A recipe with settings; `given` are the keys that the user set, as against those that the
    recipe sets.
    """

    recipe: Recipe
    settings: Settings
    given: frozenset[str]

    def judge(self) -> Judge:
        """Return the judge that the settings name, or else the recipe's own.

        Raises:
            InvalidInput, OscilabError: as `find_judge`.
        """
        name = self.settings.judge
        return self.recipe.judge if name is None else find_judge(name)


def list_experiments() -> dict[str, str]:
    """Return the installed experiments: name and one line on each, or why it cannot be used."""
    return {name: _described(name) for name in installed(GROUP)}


def _described(name: str) -> str:
    try:
        return recipe_named(name).description
    except OscilabError as error:
        # One broken package must not hide the others.
        return f"cannot be used: {error}"


def recipe_named(name: str) -> Recipe:
    """Return the installed recipe of that name.

    Raises:
        InvalidInput: there is none.
        OscilabError: it is installed but cannot be used.
    """
    found = load(GROUP, name)
    if not isinstance(found, Recipe):
        raise OscilabError(f"the experiment {name!r} is {found!r}, not a Recipe; fix its package")
    return found


def resolve(experiment: str | Path, overrides: Mapping[str, object] | None = None) -> Experiment:
    """Return the experiment called `experiment`, or described by that TOML file, with `overrides`.

    A file's keys are those of `Settings`; its `experiment` names the recipe it starts from. A
    `.npy` or `.npz` file is the user's own data. Keys of `overrides` may be dotted, such as
    `encoder.rms`.

    Raises:
        InvalidInput: an unknown experiment or key, a file that cannot be read, or a value that
            does not fit.
    """
    text = str(experiment)
    given: dict[str, object] = {}
    where = f"experiment {text}"
    if text.endswith(ARRAY_FILES):
        name = OWN_DATA
        given["data"] = text
    elif text.endswith(".toml"):
        file = read_toml(Path(text), "experiment file")
        given = _from_folder(Path(text).parent, file.values)
        where = f"experiment file {text}"
        name = given.get("experiment", OWN_DATA if "data" in given else "digits")
        if not isinstance(name, str):
            raise InvalidInput(f"{where}: experiment is {name!r}, but must be a name in quotes")
    else:
        name = text
    recipe = recipe_named(name)
    named = {"experiment", "data"} if text.endswith(ARRAY_FILES) else {"experiment"}
    for key, value in (overrides or {}).items():
        if key in named:
            raise InvalidInput(
                f"{where}: it cannot be given {key} = {value!r} as well; leave one of the two out"
            )
        _put(given, key.split("."), value, where)
    values: dict[str, object] = {}
    _merge(values, recipe.defaults)
    _merge(values, given)
    values["experiment"] = recipe.name
    settings = validated(Settings, values, where)
    useless = recipe.unused & given.keys()
    if useless:
        raise InvalidInput(
            f"{where}: recipe {recipe.name} has no use for {', '.join(sorted(useless))}; leave "
            "that out"
        )
    _refuse_unknown(settings, where)
    _refuse_useless(given, settings, where)
    if settings.t_min >= settings.t_max:
        raise InvalidInput(
            f"{where}: t_min is {settings.t_min:g}, not below t_max {settings.t_max:g}; lower it"
        )
    return Experiment(recipe, settings, frozenset(given))


def _from_folder(folder: Path, values: Mapping[str, object]) -> dict[str, object]:
    # Paths in an experiment file start from its own folder, as in a bench file.
    found = dict(values)
    for key in ("data", "topology"):
        path = found.get(key)
        if isinstance(path, str) and (key == "data" or is_path(path)):
            found[key] = str(folder / path)
    return found


def _put(values: dict[str, object], keys: list[str], value: object, where: str) -> None:
    first, *rest = keys
    if not rest:
        values[first] = value
        return
    old = values.get(first, {})
    if not isinstance(old, dict):
        raise InvalidInput(
            f"{where}: {'.'.join(keys)} is set, but {first} is {old!r} and not a table; leave one "
            "of the two out"
        )
    table: dict[str, object] = {**old}
    _put(table, rest, value, where)
    values[first] = table


def _merge(values: dict[str, object], layer: Mapping[str, object]) -> None:
    for key, value in layer.items():
        old = values.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            values[key] = {**old, **value}
        else:
            values[key] = value


def _refuse_unknown(settings: Settings, where: str) -> None:
    """Refuse the name of a rule, optimiser, encoder or judge that does not exist.

    Raises:
        InvalidInput: naming it, and those that exist.
        OscilabError: it is installed but cannot be used.
    """
    try:
        find_rule(settings.rule)
        find_optimiser(settings.optimiser)
        find_encoder(settings.encoder.kind)
        if settings.judge is not None:
            find_judge(settings.judge)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from error


def _refuse_useless(given: Mapping[str, object], settings: Settings, where: str) -> None:
    """Refuse a radius without a lattice, and what the rule or the encoder's kind does not take.

    Raises:
        InvalidInput: naming the setting and what it would need.
    """
    if "radius" in given and settings.topology != "lattice":
        raise InvalidInput(
            f"{where}: a radius of {settings.radius:g} means nothing to the topology "
            f"{settings.topology}; add topology = lattice, or leave the radius out"
        )
    rule = find_rule(settings.rule)
    for key in sorted(RULE_SETTINGS & given.keys()):
        if key not in rule.uses:
            able = [each.name for each in RULES.values() if key in each.uses]
            raise InvalidInput(
                f"{where}: {key} means nothing to the rule {rule.name}; leave it out, or use the "
                f"rule {' or '.join(able)}"
            )
    encoder = given.get("encoder")
    kind = settings.encoder.kind
    uses = find_encoder(kind).uses
    keys = list(cast(Mapping[str, object], encoder)) if isinstance(encoder, Mapping) else []
    for key in keys:
        if key not in ("kind", *uses):
            raise InvalidInput(
                f"{where}: encoder.{key} means nothing to an encoder of kind {kind!r}; "
                f"{choices(key, uses, 'it takes')}"
            )
