"""Whether the boards that are there are those that the bench describes."""

from __future__ import annotations

from collections.abc import Sequence

from oscilab.arrays.description import Identity
from oscilab.errors import DeviceFailed
from oscilab_nidaq.boards import Board
from oscilab_nidaq.connection import Connection
from oscilab_nidaq.session import Session


def identify(session: Session, connection: Connection, name: str) -> Identity:
    """Look at every board and say which they are; nothing is driven.

    Raises:
        DeviceFailed: a board is missing, or is not what the bench says.
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
                f"{session.place}; there are: {', '.join(there) or 'none'}; plug it in, or mend "
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
    # Ends of ranges, lower and upper in turn.
    if not ranges or min(ranges) > -board.range_V or max(ranges) < board.range_V:
        reach = f"{min(ranges):g} to {max(ranges):g} V" if ranges else "none"
        raise _differs(device, name, f"{what} of", f"±{board.range_V:g} V", reach)


def _differs(device: str, name: str, what: str, wanted: object, found: object) -> DeviceFailed:
    return DeviceFailed(
        f"device {device}: the bench says of board {name} {what} {wanted}, but the board has "
        f"{found}; mend connection.boards"
    )
