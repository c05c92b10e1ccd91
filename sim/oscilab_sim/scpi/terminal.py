"""A pseudo-terminal as a pair of streams; only where the operating system has them."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Callable


async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str, Callable[[], None]]:
    """Streams of the instrument's side, the path of the other side, and what closes both."""
    ours, theirs = pty.openpty()
    # Bytes as they are: no echo, no line ends changed. Kept open, so that nobody hanging up on
    # the other side ends it.
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
