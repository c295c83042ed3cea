"""Files are written whole or not at all, and nothing but a file is ever replaced."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from rightbatch.errors import StoreError, UsageError
from rightbatch.files import check_writable, write_text
from rightbatch.store import open_store


@pytest.fixture
def listening(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        yield tmp_path / "socket"


def test_a_file_takes_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "new" / "report.html", "hello")
    finally:
        os.umask(before)
    path = tmp_path / "new" / "report.html"
    assert path.read_text() == "hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    path.chmod(0o600)
    write_text(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)


def test_nothing_is_left_of_a_text_that_cannot_be_written(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "a" * 10**6 + "\ud800")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "old"


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.html", tmp_path / "report.html"
    link.symlink_to(target)
    for text in ("first", "second"):
        write_text(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert len(list(tmp_path.rglob("*"))) == 3


def test_a_planted_link_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in (".study.json.part", "study.json.part", ".report.html.part"):
        (tmp_path / name).symlink_to(victim)
    write_text(tmp_path / "study.json", "{}")
    write_text(tmp_path / "report.html", "<html>")
    assert victim.read_text() == "precious"


def test_a_device_is_written_into_and_stays_one():
    check_writable(Path("/dev/null"), "the report")
    write_text(Path("/dev/null"), "hello")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_pipe_is_written_into(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    check_writable(pipe, "the report")
    write_text(pipe, "hello")
    reader.join(timeout=10)
    assert read == ["hello"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["folder", "socket"])
def test_what_is_no_file_is_refused(name, tmp_path, listening):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"is a (directory|socket); name a file for the report"):
        check_writable(tmp_path / name, "the report")
    with pytest.raises(OSError, match=r"it is a (directory|socket)"):
        write_text(tmp_path / name, "hello")


@pytest.mark.parametrize(
    ("name", "cause"),
    [("x" * 300, "name too long"), ("a\0b", "null"), ("loop", "[Ll]evels|[Ll]oop")],
)
def test_a_name_that_no_file_can_have_is_refused(name, cause, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match=cause):
        check_writable(tmp_path / name, "the report")


@pytest.mark.parametrize("name", ["pipe", "socket", "device", "x" * 300, "loop"])
def test_a_store_that_is_no_file_is_refused_at_once(name, tmp_path, listening):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StoreError, match=r"is a|cannot be a store"):
        open_store(tmp_path / name)
    assert not Path("/dev/null-journal").exists()
