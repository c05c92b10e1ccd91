"""What can go wrong, as one hierarchy.

    OscilabError                 exit code 1
    ├── InvalidInput             2    an argument, a file or a value that cannot be used
    │   ├── OutOfBox             2    a parameter outside its range, or not confining
    │   ├── OutOfClamp           2    a set-point that the clamps cannot hold
    │   └── OutOfLimits          5    volts, or a step, beyond the limits of an output
    ├── CannotDo                 3    the array lacks a capability that was asked for
    ├── DeviceFailed             4    the hardware or its twin did not do what was asked
    │   └── InterlockTripped     6    an interlock forbids driving
    └── DeviceBusy               7    another process drives the device

Every message is one sentence that names the object, the value, the bound and the remedy.
"""

from __future__ import annotations


class OscilabError(Exception):
    """Anything that oscilab itself refuses or reports."""

    exit_code = 1


class InvalidInput(OscilabError):
    """An argument, a file or a value that cannot be used."""

    exit_code = 2


class OutOfBox(InvalidInput):
    """A drive parameter outside its range, or a potential that would not confine."""


class OutOfClamp(InvalidInput):
    """A set-point that the clamps cannot hold."""


class OutOfLimits(InvalidInput):
    """Volts, or a step, beyond the limits of an output."""

    exit_code = 5


class CannotDo(OscilabError):
    """The array lacks a capability that was asked for."""

    exit_code = 3


class DeviceFailed(OscilabError):
    """The hardware, or what stands for it, did not do its part."""

    exit_code = 4


class InterlockTripped(DeviceFailed):
    """An interlock forbids driving; to resume is up to the operator."""

    exit_code = 6


class DeviceBusy(OscilabError):
    """Another process drives the device."""

    exit_code = 7
