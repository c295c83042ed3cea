"""What a user types is read: goals, durations, memory sizes, and the settings of a study."""

import json

import numpy as np
import pytest

from rightbatch.api.settings import as_count_or_none, as_margin, make_settings
from rightbatch.errors import GoalError, UsageError
from rightbatch.records import Goal, Settings, parse_bytes, parse_duration, parse_goal
from rightbatch.store.codec import dump, load


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("accuracy >= 0.96", Goal("accuracy", "max", target=0.96)),
        ("val loss ≤ 4e-1", Goal("val loss", "min", target=0.4)),
        ("best accuracy within 1m30s", Goal("accuracy", "max", within_seconds=90.0)),
        ("Highest f1 within 3 epochs", Goal("f1", "max", within_epochs=3.0)),
        ("lowest loss within 1 epoch", Goal("loss", "min", within_epochs=1.0)),
    ],
)
def test_a_goal_is_read_and_told_in_words_that_read_the_same(text, goal):
    assert parse_goal(text) == goal
    assert parse_goal(str(goal)) == goal


@pytest.mark.parametrize(
    "text",
    [
        "accuracy > 0.9", "accuracy >= high", "accuracy >= nan", "accuracy >= inf", ">= 0.9", "",
        "best accuracy within 0 epochs", "best accuracy within -3s", "best accuracy within a while",
    ],
)  # fmt: skip
def test_what_is_no_goal_is_refused_with_an_example(text):
    with pytest.raises(GoalError, match=r"accuracy|90s"):
        parse_goal(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("3m", 180),
        ("1h30m", 5400),
        ("1.5 min", 90),
        ("1 h 30 m", 5400),
        ("45", 45),
        (2.5, 2.5),
    ],
)
def test_a_duration_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", [
    "", "soon", "-5s", "0", "3 weeks", "1h30", "10 20", "1.5.5s", None, float("nan"), float("inf"),
])  # fmt: skip
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write one like 90s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 2**32),
        ("512M", 2**29),
        ("1.5 gb", 3 * 2**29),
        ("100", 100),
        (7, 7),
        (4e9, 4 * 10**9),
    ],
)
def test_a_memory_size_is_read(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1GiB", "0", "0.1", 0, -1, 0.5, [1], float("nan")])
def test_what_is_no_memory_size_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write one like 4GiB"):
        parse_bytes(text)


def test_lists_may_be_written_as_on_the_command_line():
    told = make_settings(optimizers="sgd, adam,sgd", batch_sizes="1,32,full")
    assert told.optimizers == ("sgd", "adam")
    assert told.batch_sizes == (1, 32, 0)
    assert told == make_settings(optimizers=["sgd", "adam"], batch_sizes=[1, "32", "full"])


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_no_library_would_take_is_refused(seed):
    with pytest.raises(UsageError, match="seed"):
        make_settings(seed=seed)


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("threads", "2", "a whole number"),
        ("seed", "a", "a whole number"),
        ("workers", 1.5, "a whole number"),
        ("margin", "x", "a number"),
        ("price_per_hour", [], "a number"),
    ],
)
def test_a_setting_of_the_wrong_type_is_told_in_a_sentence(name, value, must):
    with pytest.raises(UsageError, match=f"it must be {must}"):
        make_settings(**{name: value})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"budget": None}, "not a duration"),
        ({"batch_sizes": [None]}, "not a batch size"),
        ({"batch_sizes": [32.7]}, "not a batch size"),
        ({"batch_sizes": 32}, "not a list"),
        ({"optimizers": None}, "not a list"),
        ({"memory_limit": [1]}, "not a memory size"),
        ({"threads": 1.5}, "whole number"),
    ],
)
def test_what_is_no_setting_is_refused_in_a_sentence(setting, said):
    with pytest.raises(UsageError, match=said):
        make_settings(**setting)


def test_numbers_of_numpy_are_stored_as_pythons():
    names = ("max_batch_size", "threads", "seed", "batch_size", "multiple_of", "workers")
    settings = make_settings(
        **{name: np.int64(2) for name in names},
        margin=np.float32(0.25),
        price_per_hour=np.float32(1.5),
        batch_sizes=np.array([8, 16]),
    )
    assert {type(getattr(settings, name)) for name in names} == {int}
    assert (type(settings.margin), type(settings.price_per_hour)) == (float, float)
    assert load(Settings, json.loads(json.dumps(dump(settings)))) == settings


def test_a_prediction_takes_numbers_of_numpy_as_pythons():
    assert type(as_count_or_none("threads", np.int64(2))) is int
    assert as_count_or_none("threads", None) is None
    assert type(as_margin(np.float32(0.5))) is float


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"memory_limit": "4"}, "4 is 4 bytes, in which nothing runs; write 4GiB or 512MiB"),
        ({"memory_limit": "9e9999999"}, "not a memory size"),
        ({"memory_limit": "99999999999T"}, "not a memory size"),
        ({"workers": 1_000_000}, "`workers` is 1,000,000; it must be at most 1,024"),
        ({"max_batch_size": 10**30}, "it must be at most 9,223,372,036,854,775,807"),
        ({"budget": "9999999999999d"}, "not a duration"),
        ({"batch_sizes": f"{10**30}"}, "not a batch size|at most"),
    ],
)
def test_absurd_numbers_are_refused(given, words):
    with pytest.raises(UsageError, match=words):
        make_settings(**given)
