"""The bench file: what is connected, and how it is found."""

from oscilab.bench.devices import (
    Device,
    array_class,
    check_device,
    device_named,
    devices_of,
    list_devices,
    open_array,
)
from oscilab.bench.find import (
    example_benches,
    find_bench,
    named_bench,
    search_order,
    user_benches,
    user_folder,
)
from oscilab.bench.schema import Bench, read_bench
from oscilab.bench.tables import Table, read_toml, validated

__all__ = [
    "Bench",
    "Device",
    "Table",
    "array_class",
    "check_device",
    "device_named",
    "devices_of",
    "example_benches",
    "find_bench",
    "list_devices",
    "named_bench",
    "open_array",
    "read_bench",
    "read_toml",
    "search_order",
    "user_benches",
    "user_folder",
    "validated",
]
