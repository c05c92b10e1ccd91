"""Installation of a Python package for a test, with real entry points."""

from collections.abc import Mapping
from pathlib import Path


class SmallPackages:
    """A folder on the path, with packages as pip installs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self, name: str, files: Mapping[str, str], entry_points: Mapping[str, Mapping[str, str]]
    ) -> None:
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        info = self.folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [
            line
            for group, entries in entry_points.items()
            for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
