"""A line that comes back: a thread reads it, and opens it again after a cable was unplugged."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from oscilab.errors import DeviceFailed
from oscilab_firmware.frames import DELIMITER, FrameParser
from oscilab_firmware.inbox import Inbox
from oscilab_firmware.line import Broken, Line

logger = logging.getLogger(__name__)
RETRY_S = 0.2
Opener = Callable[[], Line]


class Link:
    """Frames of one session over a line that may break.

    What is sent while it is broken is lost, as on any bad line, and is sent again by whoever
    waits for an answer. If it does not come back within `reconnect_s` the inbox fails.

    Raises:
        DeviceFailed: the line cannot be opened at first.
    """

    def __init__(self, opener: Opener, inbox: Inbox, reconnect_s: float) -> None:
        self._opener = opener
        self._inbox = inbox
        self._reconnect_s = reconnect_s
        self.parser = FrameParser()
        try:
            self._line = opener()
        except Broken as error:
            raise DeviceFailed(
                f"the device's line cannot be opened: {error}; check cable, port and permissions"
            ) from error
        self.name = self._line.name
        self._ending = threading.Event()
        self._broken = threading.Event()
        self._broken_at: float | None = None
        # Whatever stands on the line from before is no part of the first frame.
        self.send(DELIMITER)
        self._reader = threading.Thread(
            target=self._read, name=f"oscilab reads {self.name}", daemon=True
        )
        self._reader.start()

    @property
    def is_broken(self) -> bool:
        """Whether the line is gone and may come back."""
        return self._broken.is_set()

    def send(self, data: bytes) -> None:
        """Send a frame, if the line is there."""
        if self._broken.is_set():
            return
        try:
            self._line.write(data)
        except Broken as error:
            logger.debug("%s: not sent: %s", self.name, error)

    def close(self) -> None:
        """End the reader and let go of the line; idempotent."""
        self._ending.set()
        self._line.interrupt()
        if self._reader is not threading.current_thread():
            self._reader.join()
        self._line.close()

    def _read(self) -> None:
        while not self._ending.is_set():
            try:
                data = self._line.read()
            except Broken as error:
                if self._ending.is_set() or not self._reopened(error):
                    return
                continue
            if data:
                frames = self.parser.feed(data)
                if frames:
                    self._broken_at = None
                    self._inbox.put(frames)

    def _reopened(self, why: Broken) -> bool:
        self._broken.set()
        logger.warning("%s: the line broke (%s); trying to open it again", self.name, why)
        self._line.close()
        # A line that opens but brings nothing is not back.
        self._broken_at = self._broken_at or time.monotonic()
        last: Exception = why
        while not self._ending.wait(RETRY_S):
            if time.monotonic() - self._broken_at > self._reconnect_s:
                break
            try:
                self._line = self._opener()
            except Broken as error:
                last = error
                continue
            self._broken.clear()
            self.send(DELIMITER)
            logger.warning("%s: the line is there again", self._line.name)
            self._inbox.note_reopened()
            return True
        self._inbox.fail(
            DeviceFailed(
                f"the line {self._line.name} broke ({why}) and did not come back within "
                f"{self._reconnect_s:g} s (now: {last}); its firmware brings the outputs to their "
                "safe values; check the cable, then start again"
            )
        )
        return False
