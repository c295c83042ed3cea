"""A control group for a trial, on a copy of the kernel's tree: made, limited, taken away."""

import pytest

from rightbatch.measure.devices.cpu import CpuDevice
from rightbatch.measure.runners.cgroup import Cgroup, enter

LIMIT = 2**30


@pytest.fixture
def tree(tmp_path):
    """/system holds /system/own, which this process is in; only /system hands memory on."""
    root = tmp_path / "cgroup"
    own = root / "system" / "own"
    own.mkdir(parents=True)
    (own / "cgroup.subtree_control").write_text("")
    (root / "system" / "cgroup.subtree_control").write_text("cpu memory pids\n")
    here = tmp_path / "self"
    here.write_text("4:memory:/elsewhere\n0::/system/own\n")
    return root, here


def test_a_group_is_made_beside_our_own_where_ours_cannot_hand_memory_on(tree):
    root, own = tree
    group = Cgroup.make(LIMIT, "7", root, own)
    assert group.path == root / "system" / "rightbatch-7"
    assert (group.path / "memory.max").read_text() == str(LIMIT)
    assert (group.path / "memory.swap.max").read_text() == "0"


def test_kills_of_the_kernel_are_counted(tree):
    group = Cgroup.make(LIMIT, "7", *tree)
    assert group.kills() == 0
    (group.path / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 1\n")
    assert group.kills() == 1


def test_without_the_memory_controller_there_is_none(tree):
    root, own = tree
    (root / "system" / "cgroup.subtree_control").write_text("cpu pids\n")
    assert Cgroup.make(LIMIT, "7", root, own) is None


@pytest.mark.parametrize("text", ["4:memory:/elsewhere\n", ""])
def test_without_the_unified_hierarchy_there_is_none(tree, text):
    root, own = tree
    own.write_text(text)
    assert Cgroup.make(LIMIT, "7", root, own) is None
    assert Cgroup.make(LIMIT, "7", root, own.with_name("missing")) is None


def test_what_a_killed_parent_left_is_cleared_away(tree):
    root, own = tree
    (root / "system" / "rightbatch-1").mkdir()
    Cgroup.make(LIMIT, "7", root, own)
    assert not (root / "system" / "rightbatch-1").exists()


def test_a_group_that_cannot_be_entered_is_told(tmp_path):
    assert not enter(str(tmp_path / "missing"))


def test_a_process_knows_what_holds_its_limit(tmp_path):
    (tmp_path / "cgroup").write_text("0::/system/rightbatch-7\n")
    assert CpuDevice(tmp_path).enforce(LIMIT) == "cgroup"
