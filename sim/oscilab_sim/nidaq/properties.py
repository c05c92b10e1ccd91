"""Properties by their numbers: the reply that carries one, and the refusal of the others."""

from __future__ import annotations

from typing import Any

from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.calls import Reply
from oscilab_sim.nidaq.faults import DaqFault

VOLTAGE = 10322
"""The measurement and output type of every analog channel."""


def unsupported(what: str, number: int, name: str) -> DaqFault:
    """The error for a property that the virtual NI-DAQmx does not have."""
    return DaqFault(
        DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
        f"The virtual NI-DAQmx does not implement the {what} property {number:#06x}; sim/README.md "
        f"lists what it does.\n\nTask Name: {name}",
    )


def valued(request: Any, value: Any) -> Reply:
    """The reply of a property's value."""
    name = type(request).__name__
    # The reply of an enumeration carries its number beside its name, and the name may be unknown.
    is_enumeration = "Int32" in name and "UInt32" not in name
    return {"value_raw" if is_enumeration else "value": value}
