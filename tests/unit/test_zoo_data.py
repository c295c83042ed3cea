"""Data of the built-in workloads: where they are found, how they are brought, what is said."""

import hashlib
import io
import json
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

import needs
from rightbatch.cli import data as command
from rightbatch.cli.data import fetch_data
from rightbatch.errors import MissingData, MissingDependency
from rightbatch.zoo.data import sets
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
    assert sorted(path.name for path in cache.iterdir()) == [".numbers.lock", "numbers"]


def test_what_a_stopped_download_left_is_no_data_and_is_thrown_away(cache, shipped):
    left = cache / ".numbers.partial" / "kept"
    left.mkdir(parents=True)
    (left / "numbers.csv").write_text("1,2")
    data = numbers(Folder(shipped))
    assert data.find() is None
    assert data.arrived() == 3
    assert (data.fetch() / "numbers.csv").read_text() == "1,2,3\n"
    assert not left.parent.exists()


def test_of_two_that_fetch_the_same_one_waits_for_the_other(cache, shipped):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Folder):
        def download(self, scratch):
            begun.set()
            assert go_on.wait(60)
            return super().download(scratch)

    data = numbers(Slow(shipped))
    both = [threading.Thread(target=data.fetch, daemon=True) for _ in range(2)]
    both[0].start()
    assert begun.wait(60)
    both[1].start()
    go_on.set()
    for thread in both:
        thread.join(60)
    assert data.find() == cache / "numbers"
    assert data.origin.downloads == 1


def test_a_cache_that_cannot_be_written_is_told_in_one_sentence(tmp_path, shipped, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RIGHTBATCH_DATA", str(tmp_path / "file"))
    with pytest.raises(MissingData, match=r"cannot be kept in .*file: .*let RIGHTBATCH_DATA name"):
        numbers(Folder(shipped)).fetch()


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
    assert [path.name for path in cache.iterdir()] == [".numbers.lock"]


def test_a_package_that_apt_does_not_know_is_told_with_what_to_do(cache):
    origin = DebianPackage("no-such-package-anywhere", Path("/nowhere"))
    said = r"^Three numbers cannot be brought: apt.*; where .*, put them into .*numbers\.$"
    with pytest.raises(MissingData, match=said) as told:
        numbers(origin).fetch()
    assert "\n" not in str(told.value)


def test_apt_without_lists_is_told_with_what_brings_them(tmp_path, monkeypatch):
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: Unable to locate package numbers' >&2\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said = r"^apt's lists do not hold numbers \(sudo apt-get update brings them\)$"
    with pytest.raises(MissingData, match=said):
        DebianPackage("numbers", Path("/nowhere")).download(tmp_path)


def test_a_package_manager_that_fails_is_told_in_one_sentence(cache):
    origin = Wheel("not a requirement", "nothing_like_it", "data")
    assert origin.installed() is None
    with pytest.raises(MissingData, match=r"pip .*says: ") as told:
        numbers(origin).fetch()
    assert "\n" not in str(told.value)


@pytest.fixture
def two_data_sets(cache, shipped, monkeypatch):
    """What there is to fetch: letters, which cannot be had, and numbers."""
    letters = DataSet("letters", "Letters", (("a.txt", ""),), DebianPackage("no-such", Path("/no")))
    both = {"letters": letters, "numbers": numbers(Folder(shipped))}
    monkeypatch.setattr(sets, "DATA_SETS", both)
    return both


def test_all_are_tried_where_one_cannot_be_brought(two_data_sets, cache, capsys):
    with pytest.raises(
        MissingData, match=r"^1 of 2 data sets could not be downloaded \(letters\); see above"
    ):
        fetch_data([], json=False)
    printed = capsys.readouterr()
    assert printed.out == f"numbers: {cache / 'numbers'}\n"
    first, why, last = printed.err.splitlines()
    assert (first, last) == ("rightbatch: downloading letters", "rightbatch: downloading numbers")
    assert why.startswith("rightbatch: Letters cannot be downloaded: ")


def test_a_program_learns_what_could_not_be_brought_and_why(two_data_sets, cache, capsys):
    with pytest.raises(MissingData):
        fetch_data([], json=True)
    one, other = json.loads(capsys.readouterr().out)["results"]
    assert (one["name"], one["folder"]) == ("letters", None)
    assert one["folder_reason"].startswith("Letters cannot be downloaded: ")
    assert other == {"name": "numbers", "folder": str(cache / "numbers")}


def test_one_that_cannot_be_brought_is_told_once(two_data_sets, capsys):
    with pytest.raises(MissingData, match=r"^Letters cannot be downloaded: "):
        fetch_data(["letters"], json=False)
    assert capsys.readouterr().err == "rightbatch: downloading letters\n"


def test_what_is_here_is_not_said_to_be_brought(two_data_sets, capsys):
    two_data_sets["numbers"].fetch()
    fetch_data(["numbers"], json=False)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar_of_what_has_arrived(cache, shipped):
    class Seen(Folder):
        def download(self, scratch):
            (scratch / "part").write_bytes(bytes(500_000))
            bar.refresh()
            return super().download(scratch)

    drawn = io.StringIO()
    data = DataSet("numbers", "Numbers", (("numbers.csv", CHECKSUM),), Seen(shipped), megabytes=1)
    with command._Arriving(data, Console(file=drawn, force_terminal=True, width=100)) as bar:
        data.fetch()
    assert "Downloading numbers" in drawn.getvalue()
    assert "0.5/1.0 MB" in drawn.getvalue()


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
    folder = needs.data(DATA_SETS[name])
    for file, checksum in DATA_SETS[name].files:
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == checksum
