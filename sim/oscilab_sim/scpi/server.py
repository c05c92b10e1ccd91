"""A server of virtual instruments on sockets and pseudo-terminals, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from oscilab.errors import InvalidInput
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.instrument import Instrument
from oscilab_sim.scpi.message import Framer

logger = logging.getLogger(__name__)
CHUNK = 1 << 16
START_S = 30.0
Result = TypeVar("Result")


class ScpiServer:
    """Serves instruments until it is stopped; all access to them is in its own thread.

    `pace` is the real time in seconds that passes per second of an instrument's busy time.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace
        self._loop = asyncio.new_event_loop()
        self._sessions: dict[asyncio.Task[None], Instrument] = {}
        self._servers: list[tuple[asyncio.Server, Instrument]] = []
        self._closers: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="scpi twin", daemon=True)
        self._thread.start()

    def listen(self, instrument: Instrument, host: str, port: int) -> int:
        """Serve on a TCP port (0 for any free one) and return its number.

        Raises:
            InvalidInput: the port is not available.
        """

        async def start() -> int:
            server = await asyncio.start_server(
                lambda reader, writer: self._session(instrument, reader, writer), host, port,
                limit=CHUNK,
            )  # fmt: skip
            self._servers.append((server, instrument))
            return int(server.sockets[0].getsockname()[1])

        try:
            return self._in_loop(start())
        except OSError as error:
            raise InvalidInput(
                f"the twin cannot listen at {host}:{port}: {error.strerror or error}; choose "
                "another endpoint"
            ) from error

    def open_terminal(self, instrument: Instrument) -> str:
        """Serve on a pseudo-terminal, as on a serial line, and return its path.

        Raises:
            InvalidInput: the operating system has none.
        """

        async def start() -> str:
            reader, writer, path, close = await open_pty()
            self._closers.append(close)
            self._keep(asyncio.ensure_future(self._session(instrument, reader, writer)), instrument)
            return path

        try:
            return self._in_loop(start())
        except ImportError as error:
            raise InvalidInput(
                "this operating system has no pseudo-terminals; give the instruments of the twin "
                "TCPIP addresses"
            ) from error

    def do(self, action: Callable[[], Result]) -> Result:
        """Run `action` in the server's thread, between two messages."""

        async def run() -> Result:
            return action()

        return self._in_loop(run())

    def switch_off(self, instrument: Instrument) -> None:
        """End the server and all sessions of one instrument."""
        self._in_loop(self._end([instrument]))

    def stop(self) -> None:
        """Stop the server; idempotent."""
        if not self._loop.is_closed():
            self._in_loop(self._end(None))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _in_loop(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S)

    def _keep(self, task: asyncio.Task[None], instrument: Instrument) -> None:
        self._sessions[task] = instrument
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sessions.pop(task, None)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            logger.error("a session with a virtual instrument failed", exc_info=fault)

    async def _session(
        self, instrument: Instrument, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._keep(task, instrument)
        framer = Framer()
        try:
            while data := await reader.read(CHUNK):
                for message in framer.feed(data):
                    reply = instrument.handle(message)
                    busy = instrument.take_busy()
                    if busy and self._pace:
                        await asyncio.sleep(busy * self._pace)
                    if reply is not None:
                        writer.write(reply.encode("latin-1") + b"\n")
                        await writer.drain()
        except ConnectionError as error:
            logger.debug("a client of %s disconnected: %s", instrument.identity, error)
        except asyncio.CancelledError:
            logger.debug("a session with %s was cancelled", instrument.identity)
        finally:
            if framer.in_block:
                # Drop the unfinished block, as on a device clear; the next client gets the error.
                instrument.note(ScpiError(-161))
            writer.close()
            with suppress(ConnectionError, OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _end(self, instruments: list[Instrument] | None) -> None:
        """End the servers and sessions of `instruments`, or of all for None."""
        for server, instrument in list(self._servers):
            if instruments is None or instrument in instruments:
                server.close()
                self._servers.remove((server, instrument))
        ending = [
            task for task, instrument in self._sessions.items()
            if instruments is None or instrument in instruments
        ]  # fmt: skip
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=START_S)
        if instruments is None:
            for close in self._closers:
                close()
            self._closers.clear()


async def open_pty() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str, Callable[[], None]]:
    """Return the instrument's reader and writer, the client's path, and a closing function."""
    # Not available on Windows.
    import pty
    import tty

    ours, theirs = pty.openpty()
    # No echo and no conversion of line ends. The client's side is kept open, so that the terminal
    # survives when a client closes it.
    tty.setraw(theirs)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    incoming, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb", 0))
    outgoing, writing = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()),
        os.fdopen(os.dup(ours), "wb", 0),
    )
    writer = asyncio.StreamWriter(outgoing, writing, None, loop)

    def close() -> None:
        incoming.close()
        outgoing.close()
        os.close(theirs)

    return reader, writer, os.ttyname(theirs), close
