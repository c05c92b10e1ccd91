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


class Deadlines(grpc.Channel):
    """A channel that gives every call a deadline: what its request may wait, and `deadline_s` more.

    After a call that was not answered in time the next ones wait for `RETRY_S` only, until one is
    answered: what has to be tidied up is tried, but does not wait for every task in turn. (An
    interceptor of gRPC's own could do the same, at the cost of a tenth of a short batch.)
    """

    def __init__(self, channel: grpc.Channel, deadline_s: float) -> None:
        self._channel = channel
        self._deadline_s = deadline_s
        self._silent = False

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A call with one answer, under a deadline."""
        call = self._channel.unary_unary(method, *args, **kwargs)
        fields = WAITING

        def timed(request: Any, metadata: Any = None) -> Any:
            asked = max(getattr(request, field, 0.0) for field in fields)
            seconds = max(float(asked), 0.0) + self._deadline_s
            return self._noted(call, request, min(seconds, RETRY_S) if self._silent else seconds,
                               metadata)  # fmt: skip

        return timed

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A call that streams events, for as long as its caller listens."""
        return self._channel.unary_stream(method, *args, **kwargs)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """NI's interface has none."""
        return self._channel.stream_unary(method, *args, **kwargs)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """NI's interface has none."""
        return self._channel.stream_stream(method, *args, **kwargs)

    def subscribe(self, callback: Callable[..., None], try_to_connect: bool | None = False) -> None:
        """Tell of changes of the connection."""
        self._channel.subscribe(callback, bool(try_to_connect))

    def unsubscribe(self, callback: Callable[..., None]) -> None:
        """Tell no more."""
        self._channel.unsubscribe(callback)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Deadlines:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _noted(self, call: Any, request: Any, seconds: float, metadata: Any) -> Any:
        try:
            answer = call(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            code: Callable[[], grpc.StatusCode] = getattr(error, "code")  # noqa: B009
            self._silent = code() is grpc.StatusCode.DEADLINE_EXCEEDED
            raise
        self._silent = False
        return answer


def open_channel(server: str, deadline_s: float) -> grpc.Channel:
    """A channel to `server`, HOST:PORT; nothing is sent yet."""
    return Deadlines(grpc.insecure_channel(server, options=OPTIONS), deadline_s)
