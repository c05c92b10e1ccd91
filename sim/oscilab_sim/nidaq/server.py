"""The gRPC server: NI's service, answered by the implemented groups of RPCs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from nidaqmx._stubs import nidaqmx_pb2 as pb
from nidaqmx.error_codes import DAQmxErrors

from oscilab.errors import InvalidInput
from oscilab_sim.nidaq.calls import DaqFault
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.rpc_data import DataRpcs, RawRpcs, WaveformRpcs
from oscilab_sim.nidaq.rpc_properties import AttributeRpcs
from oscilab_sim.nidaq.rpc_system import SERVICE, SessionRpcs, SystemRpcs
from oscilab_sim.nidaq.rpc_tasks import ChannelRpcs, EventRpcs, TaskRpcs, WatchdogRpcs

logger = logging.getLogger(__name__)
TICK_S = 0.01
ALONE = ("grpc.so_reuseport", 0)
"""Without this, two servers could share a port, and each would get some of the calls."""
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
THREADS = 64
"""Worker threads. Every event stream occupies one."""


class NidaqServer:
    """A local server; `unimplemented` lists the missing RPCs that clients called."""

    def __init__(self, driver: Driver, endpoint: str | None = None) -> None:
        self.driver = driver
        self.unimplemented: list[str] = []
        events = EventRpcs(driver)
        groups = [TaskRpcs(driver), ChannelRpcs(driver), DataRpcs(driver), events,
                  RawRpcs(driver), WaveformRpcs(driver), WatchdogRpcs(driver),
                  SystemRpcs(driver)]  # fmt: skip
        attributes = [AttributeRpcs(driver), SystemRpcs(driver)]
        self.implemented: list[str] = []
        self._server = grpc.server(ThreadPoolExecutor(THREADS), options=[*OPTIONS, ALONE])
        for service, offered in (
            (pb.DESCRIPTOR.services_by_name["NiDAQmx"], groups),
            (SERVICE, [SessionRpcs(driver)]),
        ):
            handlers: dict[str, grpc.RpcMethodHandler] = {}
            for method in service.methods:
                function = next(
                    (getattr(g, method.name) for g in offered if hasattr(g, method.name)), None
                )
                for attribute in attributes:
                    function = function or attribute.handler(method.name)
                if function is not None:
                    self.implemented.append(method.name)
                handlers[method.name] = self._handler(method, function)
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service.full_name, handlers),)
            )
        wanted = endpoint or "127.0.0.1:0"
        # gRPC would take port 99999 for 34463.
        if wanted.rpartition(":")[2] not in map(str, range(1 << 16)):
            raise InvalidInput(
                f"the virtual NI-DAQmx cannot listen at {wanted}; give HOST:PORT with a port up to "
                "65535, or 0 for any"
            )
        try:
            port = self._server.add_insecure_port(wanted)
        except RuntimeError as error:
            raise InvalidInput(
                f"the virtual NI-DAQmx cannot listen at {wanted}, where another server may be; end "
                "that one, or choose another HOST:PORT"
            ) from error
        self.address = f"{wanted.rpartition(':')[0]}:{port}"
        self._stopping = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="virtual NI-DAQmx", daemon=True)

    def start(self) -> None:
        """Start the server."""
        self._server.start()
        self._ticker.start()

    def stop(self) -> None:
        """Stop the server; idempotent."""
        self._stopping.set()
        self._server.stop(grace=0.2).wait()
        if self._ticker.is_alive():
            self._ticker.join()

    def _tick(self) -> None:
        engine = self.driver.engine
        while not self._stopping.wait(TICK_S):
            with engine.turn:
                if engine.running:
                    engine.sync()
                for watchdog in self.driver.watchdogs.values():
                    if watchdog.is_due:
                        self._expire(watchdog)

    def _expire(self, watchdog: Any) -> None:
        watchdog.expired = True
        for task in list(self.driver.tasks.values()):
            if task.kind_is_output() and watchdog.device in task.devices:
                self.driver.stop(task)
        self.driver.engine.plant.set_levels(watchdog.states)

    def _handler(self, method: Any, function: Callable[..., Any] | None) -> grpc.RpcMethodHandler:
        request = GetMessageClass(method.input_type)
        reply: Any = GetMessageClass(method.output_type)
        codec = {
            "request_deserializer": request.FromString,
            "response_serializer": reply.SerializeToString,
        }
        if function is None:

            def missing(request: Any, context: grpc.ServicerContext) -> Any:
                self.unimplemented.append(method.name)
                logger.warning("the virtual NI-DAQmx does not implement the RPC %s", method.name)
                fault = DaqFault(
                    DAQmxErrors.FUNCTION_NOT_SUPPORTED_FOR_DEVICE,
                    f"The virtual NI-DAQmx does not implement the RPC {method.name}; sim/README.md "
                    "lists those that it does.",
                )
                self._abort(context, fault)

            return grpc.unary_unary_rpc_method_handler(missing, **codec)
        if method.server_streaming:

            def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
                try:
                    replies = function(request, lambda: self._listens(context))
                    # As in NI's server, initial metadata confirm that the event is registered.
                    context.send_initial_metadata(())
                    for fields in replies:
                        yield reply(**fields)
                except DaqFault as fault:
                    self._abort(context, fault)

            return grpc.unary_stream_rpc_method_handler(stream, **codec)

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                with self.driver.engine.turn:
                    fields = function(request, lambda: self._listens(context))
                return reply(**fields)
            except DaqFault as fault:
                self._abort(context, fault)

        return grpc.unary_unary_rpc_method_handler(unary, **codec)

    def _listens(self, context: grpc.ServicerContext) -> bool:
        return context.is_active() and not self._stopping.is_set()

    @staticmethod
    def _abort(context: grpc.ServicerContext, fault: DaqFault) -> None:
        context.set_trailing_metadata(fault.metadata())
        context.abort(grpc.StatusCode.UNKNOWN, fault.message)
