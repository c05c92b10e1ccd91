"""Access to NI-DAQmx: tasks, the identity of the boards, and readable errors."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from oscilab.arrays.description import Identity
from oscilab.errors import DeviceFailed, InterlockTripped, InvalidInput
from oscilab_nidaq.boards import Board, Connection

if TYPE_CHECKING:
    import nidaqmx
    from nidaqmx.errors import Error, RpcError
    from nidaqmx.system import System
    from nidaqmx.system.watchdog import WatchdogTask

WORDS = 400
"""Characters kept of NI's error messages, whose first paragraph says what is wrong."""
RESERVED = (-50103, -200022)
"""NI's codes for a resource reserved by another task; NI's names would need nidaqmx imported."""
EXPIRED = (-200644, -200678, -200681, -200712, -201434)
"""NI's codes for calls refused by an expired watchdog."""
GONE = (-201003, -200220)
"""NI's codes for a board that was removed after the device was opened."""
INSTALL = "install it from https://www.ni.com/daqmx, or name the `server` that has the boards"


class Session:
    """Makes tasks on the local driver, or on the server named in the bench.

    Raises:
        InvalidInput: a server that is not HOST:PORT.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._name = name
        self._connection = connection
        self._options: Any = None
        self._channel: Any = None
        self.answers = True
        """Whether the last call was answered."""
        if connection.server is not None:
            from nidaqmx import GrpcSessionOptions

            from oscilab_nidaq.channel import open_channel

            host, _, port = connection.server.rpartition(":")
            if not host or not port.isdigit():
                raise InvalidInput(
                    f"device {name}: server is {connection.server!r}, but must be HOST:PORT, such "
                    "as 10.0.0.7:31763"
                )
            self._channel = open_channel(connection.server, connection.deadline_s)
            # Without a name the server makes one up; a given one would be shared by all tasks.
            self._options = GrpcSessionOptions(self._channel, "")

    @property
    def place(self) -> str:
        """The place of the boards, for messages."""
        server = self._connection.server
        return f"behind the server {server}" if server else "in this computer"

    def task(self) -> nidaqmx.Task:
        """Return a new task."""
        import nidaqmx

        return nidaqmx.Task(grpc_options=self._options)

    def watchdog(self, device: str, timeout: Any) -> WatchdogTask:
        """Return a new watchdog task of one board."""
        from nidaqmx.system.watchdog import WatchdogTask

        return WatchdogTask(device, timeout=timeout, grpc_options=self._options)

    def system(self) -> System:
        """Return the system that has the boards."""
        from nidaqmx.system import System

        return System.local() if self._options is None else System.remote(self._options)

    def device(self, name: str) -> Any:
        """Return the board `name`."""
        return self.system().devices[name]

    def close(self) -> None:
        """Close the connection to the server; idempotent."""
        if self._channel is not None:
            self._channel.close()

    @contextmanager
    def told(self, what: str) -> Generator[None]:
        """Raise errors of NI-DAQmx in the block as one sentence about `what`.

        Raises:
            InterlockTripped: a board's watchdog has expired.
            DeviceFailed: the message names the device, its place, and NI-DAQmx's error.
        """
        from nidaqmx.errors import DaqNotFoundError, Error, RpcError

        try:
            yield
            self.answers = True
        except DaqNotFoundError as error:
            raise DeviceFailed(
                f"device {self._name} needs the NI-DAQmx driver, which is not installed; {INSTALL}"
            ) from error
        except RpcError as error:
            self.answers = False
            raise DeviceFailed(self._unreachable(what, error)) from error
        except Error as error:
            if getattr(error, "error_code", 0) in EXPIRED:
                raise InterlockTripped(
                    f"the watchdogs of device {self._name} have expired, since this computer was "
                    f"silent for more than {self._connection.watchdog_s or 0:g} s, and have "
                    "brought its outputs to their safe values; correct the cause, then resume"
                ) from error
            said = " ".join(str(error).split())
            short = said if len(said) <= WORDS else said[:WORDS].rsplit(" ", 1)[0] + " ..."
            raise DeviceFailed(
                f"device {self._name} {self.place} failed {what}: {self._explained(error, short)}"
            ) from error

    def _explained(self, error: Error, said: str) -> str:
        """Return NI-DAQmx's message, or for known codes its meaning and the remedy."""
        code = getattr(error, "error_code", 0)
        if code in RESERVED:
            return (
                "its lines are reserved by another task of NI-DAQmx; end the program that has it, "
                f"or, where that is gone, free them by `oscilab safe {self._name}`, which resets "
                "the boards"
            )
        if code in GONE:
            return (
                f"a board is gone ({said}); put it back, and bring its outputs down by `oscilab "
                f"safe {self._name}`"
            )
        return said

    def _unreachable(self, what: str, error: RpcError) -> str:
        # Compare names of gRPC's codes, so that the local driver does not import gRPC.
        code = getattr(error.rpc_code, "name", "")
        server = self._connection.server
        if code == "UNAVAILABLE":
            return (
                f"device {self._name} cannot reach its server {server} {what}; check that the "
                "server runs and that its address is right"
            )
        if code == "DEADLINE_EXCEEDED":
            return (
                f"the server {server} of device {self._name} did not answer within "
                f"{self._connection.deadline_s:g} s {what}; start it again, and bring the "
                f"outputs down by `oscilab safe {self._name}`, which also frees the boards"
            )
        said = " ".join(str(error).split())
        return f"the server {server} of device {self._name} failed {what}: {said}"


def identify(session: Session, connection: Connection, name: str) -> Identity:
    """Check every board, and return the identity of the device; outputs do not move.

    Raises:
        DeviceFailed: a board is missing, or differs from the bench.
    """
    with session.told("while its boards were listed"):
        there = list(session.system().devices.device_names)
    serials: list[str] = []
    products: list[str] = []
    simulated = False
    for board_name, board in connection.boards.items():
        if board_name.lower() not in [found.lower() for found in there]:
            raise DeviceFailed(
                f"device {name} needs the board {board_name} ({board.product}), which is not "
                f"{session.place}; there are: {', '.join(there) or 'none'}; plug it in, or correct "
                "connection.boards"
            )
        with session.told(f"while board {board_name} was identified"):
            serials.append(_checked(session, board_name, board, name))
            products.append(f"{board_name} {board.product}")
            simulated = simulated or bool(session.device(board_name).is_simulated)
    return Identity(
        name=name,
        kind="nidaq",
        serial="-".join(serials),
        simulated=simulated,
        details={"boards": ", ".join(products)},
    )


def _checked(session: Session, name: str, board: Board, device: str) -> str:
    found = session.device(name)
    if found.product_type != board.product:
        raise _differs(device, name, "a", board.product, found.product_type)
    outputs, inputs = len(found.ao_physical_chans), len(found.ai_physical_chans)
    if outputs < board.outputs:
        raise _differs(device, name, "analog outputs:", board.outputs, outputs)
    if inputs < board.inputs:
        raise _differs(device, name, "analog inputs:", board.inputs, inputs)
    if board.outputs:
        _check_range(device, name, board, found.ao_voltage_rngs, "outputs")
        if found.ao_max_rate < board.output_rate_hz * (1 - 1e-9):
            raise _differs(device, name, "samples/s", board.output_rate_hz, found.ao_max_rate)
    if board.inputs:
        _check_range(device, name, board, found.ai_voltage_rngs, "inputs")
        fastest = found.ai_max_multi_chan_rate
        if fastest < board.input_rate_hz * (1 - 1e-9):
            raise _differs(device, name, "samples/s", board.input_rate_hz, fastest)
        if board.simultaneous and not found.ai_simultaneous_sampling_supported:
            raise _differs(device, name, "sampling", "simultaneous", "one input after the other")
    return f"{int(found.serial_num):X}"


def _check_range(device: str, name: str, board: Board, ranges: Sequence[float], what: str) -> None:
    # `ranges` has lower and upper ends in turn.
    if not ranges or min(ranges) > -board.range_V or max(ranges) < board.range_V:
        reach = f"{min(ranges):g} to {max(ranges):g} V" if ranges else "none"
        raise _differs(device, name, f"{what} of", f"±{board.range_V:g} V", reach)


def _differs(device: str, name: str, what: str, wanted: object, found: object) -> DeviceFailed:
    return DeviceFailed(
        f"device {device}: the bench says of board {name} {what} {wanted}, but the board has "
        f"{found}; correct connection.boards"
    )
