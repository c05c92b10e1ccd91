"""A gRPC channel to NI's server on which every call has a deadline.

Without it, a call to a server that has stopped answering could hang for hours, until the connection
times out. The deadline is longer than NI-DAQmx's own timeout in the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
"""No limit on message sizes: the default of 4 MiB holds less than 1000 samples of 500 lines."""
RETRY_S = 1.0
WAITING = ("timeout", "time_to_wait")
"""Fields of requests with NI-DAQmx's timeout in seconds."""


class Deadlines(grpc.Channel):
    """A channel that gives every call a deadline: the timeout in its request plus `deadline_s`.

    After a call without an answer the next ones wait at most `RETRY_S`, until one is answered, so
    that cleaning up does not take the full deadline for every task. (A gRPC interceptor could do
    the same, but would add a tenth to the time of a short batch.)
    """

    def __init__(self, channel: grpc.Channel, deadline_s: float) -> None:
        self._channel = channel
        self._deadline_s = deadline_s
        self._silent = False

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return a call with one answer and a deadline."""
        call = self._channel.unary_unary(method, *args, **kwargs)
        fields = WAITING

        def timed(request: Any, metadata: Any = None) -> Any:
            asked = max(getattr(request, field, 0.0) for field in fields)
            seconds = max(float(asked), 0.0) + self._deadline_s
            return self._called(call, request, min(seconds, RETRY_S) if self._silent else seconds,
                               metadata)  # fmt: skip

        return timed

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return a call that streams events, without a deadline."""
        return self._channel.unary_stream(method, *args, **kwargs)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Pass on; NI's interface has no such call."""
        return self._channel.stream_unary(method, *args, **kwargs)

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Pass on; NI's interface has no such call."""
        return self._channel.stream_stream(method, *args, **kwargs)

    def subscribe(self, callback: Callable[..., None], try_to_connect: bool | None = False) -> None:
        """Call `callback` when the state of the connection changes."""
        self._channel.subscribe(callback, bool(try_to_connect))

    def unsubscribe(self, callback: Callable[..., None]) -> None:
        """End calls of `callback`."""
        self._channel.unsubscribe(callback)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Deadlines:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _called(self, call: Any, request: Any, seconds: float, metadata: Any) -> Any:
        try:
            answer = call(request, timeout=seconds, metadata=metadata)
        except grpc.RpcError as error:
            code: Callable[[], grpc.StatusCode] = getattr(error, "code")  # noqa: B009
            self._silent = code() is grpc.StatusCode.DEADLINE_EXCEEDED
            raise
        self._silent = False
        return answer


def open_channel(server: str, deadline_s: float) -> grpc.Channel:
    """Return a channel to `server`, HOST:PORT; nothing is sent yet."""
    return Deadlines(grpc.insecure_channel(server, options=OPTIONS), deadline_s)
