"""Settings that were given but mean nothing beside the others: refused rather than ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from oscilab.errors import InvalidInput
from oscilab.experiment.settings import Settings
from oscilab.learning.rules import RULE_SETTINGS, RULES
from oscilab.plugins import choices

ENCODER_KEYS: Mapping[str, tuple[str, ...]] = {
    "identity": (),
    "range": ("reach",),
    "scale": ("rms",),
    "principal": ("components", "floor"),
}
"""What each kind of encoder takes beside its kind."""


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
    rule = RULES.get(settings.rule)
    for key in sorted(RULE_SETTINGS & given.keys()):
        if rule is not None and key not in rule.uses:
            able = [each.name for each in RULES.values() if key in each.uses]
            raise InvalidInput(
                f"{where}: {key} means nothing to the rule {rule.name}; leave it away, or use the "
                f"rule {' or '.join(able)}"
            )
    encoder = given.get("encoder")
    kind = settings.encoder.kind
    keys = list(cast(Mapping[str, object], encoder)) if isinstance(encoder, Mapping) else []
    for key in keys:
        if key not in ("kind", *ENCODER_KEYS[kind]):
            raise InvalidInput(
                f"{where}: encoder.{key} means nothing to an encoder of kind {kind!r}; "
                f"{choices(key, ENCODER_KEYS[kind], 'it takes')}"
            )
