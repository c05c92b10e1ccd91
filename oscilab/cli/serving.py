"""`oscilab serve`: the twin of a device, for a driver in another process or program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Annotated

import typer

from oscilab.cli.bench_commands import BenchOption


def serve(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A wired device.")],
    bench: BenchOption = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where to listen; anywhere free by default."),
    ] = None,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
) -> None:
    """Serve the twin of a device until Ctrl-C: simulated hardware at the level of the wire."""
    from oscilab.bench import device_named
    from oscilab.interruption import terminations_raise
    from oscilab.wired.twins import twin_kind

    device = device_named(name, bench)
    twin = twin_kind(device).start(device, endpoint)
    try:
        with terminations_raise():
            if child:
                print(json.dumps(dict(twin.connection)), flush=True)
                # Its end is the end of whoever started this, however that one ended.
                sys.stdin.buffer.read()
            else:
                _tell(name, twin.connection)
                while True:
                    time.sleep(3600)
    except KeyboardInterrupt:
        if not child:
            print("stopped")
    finally:
        twin.stop()


def _tell(name: str, connection: Mapping[str, object]) -> None:
    print(f"the twin of device {name} is up; its connection table, for a bench file:\n")
    print(f"[devices.{name}.connection]")
    for key, value in connection.items():
        print(f"{key} = {json.dumps(value)}")
    print("\nCtrl-C stops it", flush=True)
