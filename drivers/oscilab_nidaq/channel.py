"""A gRPC channel to NI's server on which no call waits for ever.

A server that stops answering would hang a call until the connection is given up, which can take
hours: every call gets a deadline, longer than what NI-DAQmx itself was told to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
"""The default of 4 MiB is less than a thousand samples of 500 lines."""
RETRY_S = 1.0
WAITING = ("timeout", "time_to_wait")
"""Fields of requests in which NI-DAQmx is told how long to wait, in seconds."""


class _Details(grpc.ClientCallDetails):
    def __init__(self, details: grpc.ClientCallDetails, timeout: float) -> None:
        self.method = details.method
        self.timeout = timeout
        self.metadata = details.metadata
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression


class Deadlines(grpc.UnaryUnaryClientInterceptor):
    """A deadline for every call: what its request says that it may wait, and `deadline_s` more.

    After a call that was not answered in time the next ones wait for `RETRY_S` only, until one is
    answered: what has to be tidied up is tried, but does not wait for every task in turn.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._silent = False

    def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Any], Any],
        client_call_details: grpc.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Send the call with its deadline."""
        asked = max(getattr(request, field, 0.0) for field in WAITING)
        seconds = max(float(asked), 0.0) + self._deadline_s
        if self._silent:
            seconds = min(seconds, RETRY_S)
        call = continuation(_Details(client_call_details, seconds), request)
        self._silent = call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        return call


def open_channel(server: str, deadline_s: float) -> grpc.Channel:
    """A channel to `server`, HOST:PORT; nothing is sent yet."""
    plain = grpc.insecure_channel(server, options=OPTIONS)
    return grpc.intercept_channel(plain, Deadlines(deadline_s))
