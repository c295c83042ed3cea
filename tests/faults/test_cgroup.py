"""A control group for a trial: on copies of the kernel's trees, and where allowed on its own."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

import needs
from rightbatch.measure.control_groups import (
    Cgroup,
    enter,
    free_bytes,
    limit_bytes,
    memory_tree,
)
from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.runners.process import TrialServer

MIB, LIMIT = 2**20, 2**30
GONE = 2**22 + 1
"""No process has this number: the kernel's largest is 2**22."""
NAME = re.compile(rf"rightbatch-{os.getpid()}-\d+")


@pytest.fixture
def tree(tmp_path):
    """/system holds /system/own, which this process is in; only /system hands memory on."""
    root = tmp_path / "cgroup"
    own = root / "system" / "own"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").write_text("")
    (root / "system" / "cgroup.subtree_control").write_text("cpu memory pids\n")
    here = tmp_path / "self"
    here.write_text("4:devices:/elsewhere\n0::/system/own\n")
    return root, here


@pytest.fixture
def old_tree(tmp_path):
    """The same in version 1: memory has a tree of its own."""
    root = tmp_path / "cgroup"
    (root / "memory" / "system" / "own").mkdir(parents=True)
    here = tmp_path / "self"
    here.write_text("4:cpu,memory:/system/own\n0::/\n")
    return root, here


def made(tree):
    return Cgroup.make(LIMIT, *tree)


def test_a_group_is_made_beside_our_own_where_ours_cannot_hand_memory_on(tree):
    group = made(tree)
    assert group.path.parent == tree[0] / "system"
    assert NAME.fullmatch(group.path.name)
    assert (group.path / "memory.max").read_text() == str(LIMIT)
    assert (group.path / "memory.swap.max").read_text() == "0"


def test_in_version_1_a_group_is_made_below_our_own(old_tree):
    group = made(old_tree)
    assert group.path.parent == old_tree[0] / "memory" / "system" / "own"
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        assert (group.path / name).read_text() == str(LIMIT)


@pytest.mark.parametrize(
    ("kind", "file", "text"),
    [
        ("tree", "memory.events", "low 0\nmax 12\noom 1\noom_kill 1\n"),
        ("old_tree", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
    ],
)
def test_kills_of_the_kernel_are_counted(request, kind, file, text):
    group = made(request.getfixturevalue(kind))
    assert group.kills() == 0
    (group.path / file).write_text(text)
    assert group.kills() == 1


def test_no_group_is_made_beside_our_own_where_it_would_escape_our_limit(tree):
    (tree[0] / "system" / "own" / "memory.max").write_text("max\n")
    assert made(tree).path.parent == tree[0] / "system"
    (tree[0] / "system" / "own" / "memory.max").write_text(f"{LIMIT}\n")
    assert made(tree) is None


def test_no_two_trials_have_one_group(tree):
    assert made(tree).path != made(tree).path


def test_without_the_memory_controller_there_is_none(tree):
    (tree[0] / "system" / "cgroup.subtree_control").write_text("cpu pids\n")
    assert made(tree) is None


@pytest.mark.parametrize("text", ["4:devices:/elsewhere\n", "4:memory:/system/own\n", ""])
def test_without_a_tree_that_limits_memory_there_is_none(tree, text):
    root, own = tree
    own.write_text(text)
    assert made((root, own)) is None
    assert made((root, own.with_name("missing"))) is None


def test_what_a_killed_parent_left_is_cleared_away_and_what_others_use_is_kept(tree):
    place = tree[0] / "system"
    left = place / f"rightbatch-{GONE}-1"
    others = [place / f"rightbatch-{os.getpid()}-999", place / "rightbatch-nightly.slice"]
    for group in (left, *others):
        group.mkdir()
    made(tree)
    assert not left.exists()
    assert all(group.exists() for group in others)


def test_a_group_that_cannot_be_entered_is_told(tmp_path):
    assert not enter(str(tmp_path / "missing"))


def test_a_directory_that_is_no_group_is_not_entered(tmp_path):
    """As where a process stands above the groups that it can see."""
    (tmp_path / "self").write_text("4:memory:/../elsewhere\n")
    assert not enter(str(tmp_path), tmp_path / "self")
    (tmp_path / "self").write_text(f"4:memory:/{tmp_path.name}\n")
    assert enter(str(tmp_path), tmp_path / "self")


def test_what_lies_above_the_tree_is_not_looked_at(old_tree):
    root, own = old_tree
    own.write_text("4:memory:/../../system\n")
    assert memory_tree(root, own).places == (root / "memory",)


@pytest.mark.parametrize("line", ["0::/system/rightbatch-7-1\n", "4:memory:/rightbatch-7-1\n"])
def test_a_process_knows_what_holds_its_limit(tmp_path, line):
    (tmp_path / "cgroup").write_text(line)
    assert CpuDevice(tmp_path).enforce(LIMIT) == "cgroup"


# ---- what the groups around this process leave ----


def limited(place, limit, used, **cached):
    new = (place / "cgroup.subtree_control").exists()
    names = ("memory.max", "memory.current") if new else (
        "memory.limit_in_bytes", "memory.usage_in_bytes"
    )  # fmt: skip
    for name, number in zip(names, (limit, used), strict=True):
        (place / name).write_text(f"{number}\n")
    stat = {f"{'' if new else 'total_'}{name}": count for name, count in cached.items()}
    (place / "memory.stat").write_text("".join(f"{n} {c}\n" for n, c in stat.items()))


def test_cached_files_of_a_container_are_free(tree):
    limited(tree[0] / "system" / "own", 800, 600, inactive_file=400, active_file=100, anon=100)
    assert free_bytes(memory_tree(*tree)) == 700
    assert limit_bytes(memory_tree(*tree)) == 800


def test_the_tightest_group_above_counts(old_tree):
    place = old_tree[0] / "memory" / "system"
    limited(place, 500, 400)
    limited(place / "own", 800, 100)
    assert free_bytes(memory_tree(*old_tree)) == 100
    assert limit_bytes(memory_tree(*old_tree)) == 500


def test_no_limit_is_none(tree):
    limited(tree[0] / "system" / "own", "max", 600)
    assert free_bytes(memory_tree(*tree)) is None
    assert limit_bytes(memory_tree(*tree)) is None


def test_a_trials_own_group_is_not_what_is_around_it(tree):
    root, own = tree
    group = made(tree)
    limited(root / "system", 500, 400)
    own.write_text(f"0::/system/{group.path.name}\n")
    assert limit_bytes(memory_tree(root, own)) == 500


# ---- the kernel's own ----


@pytest.fixture
def group():
    """One of the kernel's own; None where none may be made."""
    group = Cgroup.make(64 * MIB)
    yield group
    if group is not None:
        group.remove()
        assert not group.path.exists()


def test_a_group_counts_what_the_kernel_ended_in_it(group):
    if group is None:
        pytest.skip(needs.NO_CONTROL_GROUP)
    take = f"open('{group.path}/cgroup.procs', 'w').write('0'); held = b'x' * 2**30"
    ended = subprocess.run([sys.executable, "-c", take], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert group.kills() == 1


@pytest.mark.parametrize(
    "name", ["grow_at_once", "grow_at_once_in_grandchild", "grow_at_once_in_pool"]
)
def test_whatever_process_of_a_trial_grows_too_far_it_is_out_of_memory(group, name):
    with TrialServer() as server:
        begin = time.monotonic()
        ending = server.call(
            f"runner_entries:{name}", 2**30, deadline_seconds=30.0, limit_bytes=200 * MIB,
            progress=lambda done: None,
        )  # fmt: skip
    assert ending.kind == "out_of_memory"
    assert time.monotonic() - begin < 20.0
    if group is not None:
        left = [place.name for place in group.path.parent.glob(f"rightbatch-{os.getpid()}-*")]
        assert left == [group.path.name]
