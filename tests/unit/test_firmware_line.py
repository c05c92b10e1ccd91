"""A line and its commands, with a socket in this process as the device."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing, contextmanager

import pytest

from oscilab_firmware.commands import Commands, Inbox, Link, Patience, Refused
from oscilab_firmware.frames import Frame, FrameParser
from oscilab_firmware.line import Broken, Line
from oscilab_firmware.messages import ANSWER, NO_CHANNEL, Kind, Refusal

SESSION = 5


@contextmanager
def listening():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server, f"socket://127.0.0.1:{server.getsockname()[1]}"


def test_a_line_closed_under_a_writer_is_broken():
    """The device takes nothing, so that a thread is in the middle of a frame; whatever pyserial
    makes of a port that is closed meanwhile, that thread must live on: it may be the heartbeat.
    """
    with listening() as (server, port):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line = Line(port, 115200)
        device, _ = server.accept()
        ended: list[BaseException] = []

        def write():
            try:
                line.write(bytes(32 << 20))
            except BaseException as error:  # noqa: BLE001  (whatever it is, it is looked at)
                ended.append(error)

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        writer.join(0.2)
        assert writer.is_alive()
        line._close()
        writer.join(10.0)
        device.close()
    assert [type(error) for error in ended] == [Broken]


def busy(frame):
    """Return the refusal of a command as busy."""
    numbers = (frame.type, 0, Refusal.BUSY, NO_CHANNEL, frame.sequence, 0, 0, 0, 0)
    payload = struct.pack("<BBHHHiiiI", *numbers)
    return Frame(Kind.ERROR, payload, frame.sequence, SESSION).encoded()


def serve(device):
    """Refuse readings, twice each as on a bad line; answer everything else."""
    parser = FrameParser()
    while data := device.recv(4096):
        for frame in parser.feed(data):
            if frame.type == Kind.READ_INPUTS:
                device.sendall(2 * busy(frame))
            else:
                device.sendall(Frame(frame.type | ANSWER, b"", frame.sequence, SESSION).encoded())


def test_a_doubled_refusal_is_not_the_next_command_s():
    """A busy refusal frees the command's number for the next command."""
    with listening() as (server, port):
        inbox = Inbox(SESSION, lambda: 1)
        link = Link(lambda: Line(port, 115200), inbox, 1.0)
        device, _ = server.accept()
        thread = threading.Thread(target=serve, args=(device,), daemon=True)
        thread.start()
        commands = Commands(link, inbox, SESSION, 0xFFFF, 1 << 16, Patience())
        for _ in range(3):
            with pytest.raises(Refused):
                commands.call(Kind.READ_INPUTS)
            assert commands.call(Kind.CLEAR).sequence in (0xFFFF, 0, 1)
        link.close()
        thread.join()
        device.close()
