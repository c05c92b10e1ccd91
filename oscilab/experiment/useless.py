"""Settings that name nothing, or mean nothing beside the others: refused rather than ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from oscilab.data.encoder import find_encoder
from oscilab.errors import InvalidInput
from oscilab.experiment.recipe import find_judge
from oscilab.experiment.settings import Settings
from oscilab.learning.optimisers import find_optimiser
from oscilab.learning.rules import RULE_SETTINGS, RULES, find_rule
from oscilab.plugins import choices


def refuse_unknown(settings: Settings, where: str) -> None:
    """Refuse the name of a rule, optimiser, encoder or judge that there is not.

    Raises:
        InvalidInput: naming it, and those that there are.
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


def refuse_useless(given: Mapping[str, object], settings: Settings, where: str) -> None:
    """Refuse a radius without a lattice, and what the rule or the encoder's kind does not take.

    Raises:
        InvalidInput: naming the setting and what it would need.
    """
    if "radius" in given and settings.topology != "lattice":
        raise InvalidInput(
            f"{where}: a radius of {settings.radius:g} means nothing to the topology "
            f"{settings.topology}; add topology = lattice, or leave the radius away"
        )
    rule = find_rule(settings.rule)
    for key in sorted(RULE_SETTINGS & given.keys()):
        if key not in rule.uses:
            able = [each.name for each in RULES.values() if key in each.uses]
            raise InvalidInput(
                f"{where}: {key} means nothing to the rule {rule.name}; leave it away, or use the "
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
