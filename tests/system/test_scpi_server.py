"""Virtual instruments on sockets and terminals survive misbehaving clients."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from contextlib import closing, contextmanager

import pytest
from racks import described, device_of, twin_of

from oscilab.errors import InvalidInput
from oscilab_sim.scpi.twin import RackTwin

LIMIT_S = 60


@pytest.fixture(scope="module")
def rack():
    with twin_of(described()) as (twin, _):
        yield twin


@pytest.fixture
def port(rack):
    instrument = rack.instruments["dac"]
    rack.server.do(lambda: instrument.handle(b"*RST;*CLS"))
    return int(rack.connection["instruments"]["dac"]["resource"].split("::")[2])


@contextmanager
def client(port):
    with closing(socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)) as connection:
        yield connection


def ask(connection, text):
    connection.sendall(text if isinstance(text, bytes) else text.encode())
    return line_of(connection)


def line_of(connection):
    received = b""
    while not received.endswith(b"\n"):
        data = connection.recv(65536)
        assert data, "the instrument hung up"
        received += data
    return received.decode("latin-1").strip()


def wait_for_error(connection, code):
    for _ in range(1000):
        found = ask(connection, "SYST:ERR?\n")
        if not found.startswith("0,"):
            assert found.startswith(f"{code},")
            return
    raise AssertionError(f"no error {code} came")


def test_a_line_of_10_MB(port):
    with client(port) as connection:
        connection.sendall(b"SOUR1:VOLT " + b"1" * 10_000_000 + b"\n")
        assert ask(connection, "SYST:ERR?\n") == '-363,"Input buffer overrun"'
        assert ask(connection, "SOUR1:VOLT?\n") == "0"


@pytest.mark.parametrize(
    ("block", "code"),
    [(b"#15abcde", -161), (b"#14abcdXYZ", -103), (b"#3", -161), (b"#x", -161),
     (b"#18abcdefgh", -223)],
)  # fmt: skip
def test_a_block_of_a_wrong_length(port, block, code):
    with client(port) as connection:
        assert ask(connection, 'TRAC:DEF "w",1;*OPC?\n') == "1"
        connection.sendall(b'TRAC:DATA "w",' + block + b"\n")
        assert ask(connection, "SYST:ERR?\n").startswith(f"{code},")
        assert ask(connection, "*OPC?\n") == "1"


def test_a_block_that_is_too_long_for_what_was_sent_swallows_no_more_than_its_length(port):
    with client(port) as connection:
        connection.sendall(b'TRAC:DEF "w",2\nTRAC:DATA "w",#18abcd')
        assert ask(connection, b"\n*I\n\n*IDN?\n").startswith("QDevil")
        # The block includes four bytes of the next line, as on a real instrument.
        assert ask(connection, "SYST:ERR:COUN?\n") == "0"


@pytest.mark.parametrize("hard", [False, True])
def test_a_client_that_stops_in_the_middle_of_a_block(port, hard):
    with client(port) as connection:
        connection.sendall(b'TRAC:DEF "w",100\nTRAC:DATA "w",#3400abcdefgh')
        if hard:
            # Reset the connection instead of closing it.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with client(port) as other:
        wait_for_error(other, -161)
        assert ask(other, "*OPC?\n") == "1"


def test_a_client_that_never_reads_holds_up_nobody_else(port):
    with client(port) as deaf, client(port) as other:
        deaf.setblocking(False)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += deaf.send(b"*IDN?\n" * 10_000)
        except BlockingIOError:
            pass
        assert ask(other, "*OPC?\n") == "1"


def test_ten_clients_at_once(port):
    answers: dict[int, list[str]] = {}

    def talk(number):
        with client(port) as connection:
            answers[number] = [
                ask(connection, f"SOUR{number}:VOLT {value};VOLT?\n") for value in range(1, 6)
            ]

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert answers == {n: ["1", "2", "3", "4", "5"] for n in range(1, 11)}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_serial_line():
    import pyvisa

    values = described()
    values["connection"]["instruments"]["daq"]["resource"] = "ASRL/dev/ttyS0::INSTR"
    with twin_of(values) as (twin, _):
        address = twin.connection["instruments"]["daq"]["resource"]
        assert address.startswith("ASRL/dev/")
        manager = pyvisa.ResourceManager("@py")
        for _ in range(2):
            line = manager.open_resource(address, read_termination="\n", write_termination="\n")
            assert "DAQ970A" in line.query("*IDN?")
            assert len(line.query("MEAS:VOLT? (@101:104)").split(",")) == 4
            line.write_raw(b"*OPC?\r\n")
            assert line.read() == "1"
            line.close()
        manager.close()


def test_an_endpoint_is_where_the_ports_begin():
    values = described()
    with a_port_in_use() as first, pytest.raises(InvalidInput, match="cannot listen"):
        RackTwin.start(device_of(values), f"127.0.0.1:{first}")
    for wrong in ("5025", "localhost", "127.0.0.1:99999"):
        with pytest.raises(InvalidInput, match="not HOST:PORT"):
            RackTwin.start(device_of(values), wrong)


@contextmanager
def a_port_in_use():
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        yield taken.getsockname()[1]
