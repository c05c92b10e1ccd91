"""How an RPC is answered: a function of the request that returns the reply's fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Alive = Callable[[], bool]
"""Whether the caller is still there; asked while a call waits."""
Reply = Mapping[str, Any]
"""Fields of the reply; its status is 0."""


def raw(request: Any, field: str) -> int:
    """The number of an enumeration, however the client gave it."""
    return int(getattr(request, f"{field}_raw") or getattr(request, field))
