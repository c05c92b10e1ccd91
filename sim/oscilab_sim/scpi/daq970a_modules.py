"""The plug-in modules of a DAQ970A, and the channels that they give it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from oscilab_sim.scpi.call import Call
from oscilab_sim.scpi.errors import ScpiError


@dataclass(frozen=True)
class Module:
    """What a plug-in module offers: channels with a voltmeter, ports, and readings a second."""

    volts: int = 0
    ports: int = 0
    rate_hz: float = math.inf


MODULES = {
    "DAQM900A": Module(volts=20, rate_hz=450.0),
    "DAQM901A": Module(volts=20, rate_hz=80.0),
    "DAQM902A": Module(volts=16, rate_hz=250.0),
    "DAQM908A": Module(volts=40, rate_hz=80.0),
    "DAQM907A": Module(ports=2),
}


def volt_rates(modules: Mapping[int, str]) -> dict[int, float]:
    """Every channel with a voltmeter and its readings a second; `modules` are by slot."""
    return {
        100 * slot + number: MODULES[module].rate_hz
        for slot, module in modules.items()
        for number in range(1, MODULES[module].volts + 1)
    }


def port_numbers(modules: Mapping[int, str]) -> set[int]:
    """Every digital port."""
    return {
        100 * slot + number
        for slot, module in modules.items()
        for number in range(1, MODULES[module].ports + 1)
    }


def named(call: Call, place: int, known: Collection[int]) -> list[int]:
    """The channels of the list at `place`.

    Raises:
        ScpiError: there is no list, or one names a channel that is not `known`.
    """
    call.expect(place + 1)
    try:
        return call.channels(place, list(known))
    except ScpiError as error:
        if error.code == -222:
            raise ScpiError(112, "Channel list: channel number out of range") from None
        raise
