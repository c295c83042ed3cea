"""Energy and cost as what is minimised: where power or a price is known, and where not."""

import re
from dataclasses import replace

import pytest
from recorded_fixture import study, write_files

from rightbatch.api.settings import make_settings
from rightbatch.api.verbs import readvise
from rightbatch.decide.advise.recommend import advise
from rightbatch.decide.stages.speed.costs import step_costs
from rightbatch.errors import UsageError
from rightbatch.exchange import import_study
from rightbatch.records import Remark
from rightbatch.report.json import advice_json
from rightbatch.report.sentences import say_all
from rightbatch.report.view import make_view
from rightbatch.science.power import interpolate_power
from rightbatch.store import open_store

SECONDS = {8: 0.10, 16: 0.14, 32: 0.20, 64: 0.36}
WATTS = {8: 80.0, 16: 100.0, 32: 240.0, 64: 260.0}
ARRIVALS = {8: [1000, 1020], 16: [520, 530], 32: [300, 305], 64: [200, 210]}
"""Seconds to the goal: 101, 73.5, 60.5, 73.8; kilojoules: 8.1, 7.4, 14.5, 19.2."""


def of_a_user(folder, told):
    """A recorded study as if measured here, at batch size 16 today."""
    recording = import_study(write_files(folder, told))
    facts = replace(recording.study.facts, framework="torch")
    return replace(recording, study=replace(recording.study, facts=facts))


@pytest.fixture
def recording(tmp_path):
    return of_a_user(tmp_path / "powered", study(SECONDS, ARRIVALS, power_watts=WATTS))


@pytest.fixture
def unpowered(tmp_path):
    return of_a_user(tmp_path / "unpowered", study(SECONDS, ARRIVALS))


def stored(recording, folder):
    """The address of a store that holds a recording."""
    address = folder / "studies.db"
    with open_store(address) as store:
        kept = store.create_study(recording.study)
        with store.writing(kept.name):
            for trial in recording.trials:
                store.add_trial(kept.name, trial)
    return address


def test_the_least_energy_is_at_another_batch_size_than_the_least_time(recording):
    fastest, thriftiest = advise(recording), advise(recording, "energy")
    assert fastest.batch_size == 32
    assert thriftiest.batch_size == 16
    assert 16 in thriftiest.near_optimal
    assert 32 not in thriftiest.near_optimal
    found = thriftiest.recommended.joules_to_goal
    assert found.unit == "J"
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(525 * 0.14 * 100.0, rel=0.1)
    assert found.value == pytest.approx(100.0 * thriftiest.recommended.seconds_to_goal.value)


def test_the_reasons_of_energy_come_from_its_fits(recording):
    first, second, *_ = say_all(advise(recording, "energy").remarks.reasons)
    assert first == (
        "Power draw: 80.0 W at batch size 8, 260 W at 64 (measured over training steps)."
    )
    assert second.startswith("Batch size 32 is predicted to reach the goal in ")
    assert not any(" W at " in reason for reason in say_all(advise(recording).remarks.reasons))


def test_energy_is_told_beside_time_whatever_is_minimised(recording):
    told = advice_json(advise(recording))
    assert told["predicted_joules_to_goal"]["unit"] == "J"
    assert all(row["predicted_joules_to_goal"] for row in told["results"])
    assert told["reference"]["predicted_joules_to_goal"]
    verdict = dict(make_view(recording, advise(recording)).verdict)
    assert "kJ" in verdict["Energy to goal"]
    assert re.search(r", [\d.]+× that of your 16 \(", verdict["Energy to goal"])


def test_energy_without_measured_power_is_refused_in_one_sentence(unpowered):
    with pytest.raises(UsageError, match="holds no measurement of power"):
        advise(unpowered, "energy")
    told = advice_json(advise(unpowered))
    assert told["predicted_joules_to_goal"] is None
    for row in (told, told["reference"], *told["results"], *told["optimizers"]):
        assert row["predicted_joules_to_goal_reason"] == "No power was measured."


def test_a_price_makes_the_cost_and_leaves_the_order_of_time(recording):
    by_time, by_cost = advise(recording), advise(recording, "cost", price_per_hour=2.5)
    assert by_cost.batch_size == by_time.batch_size
    assert by_cost.near_optimal == by_time.near_optimal
    cost, seconds = by_cost.recommended.cost_to_goal, by_cost.recommended.seconds_to_goal
    for priced, timed in zip(
        (cost.value, cost.low, cost.high), (seconds.value, seconds.low, seconds.high), strict=True
    ):
        assert priced == pytest.approx(2.5 / 3600 * timed)
    assert cost.unit == "currency"
    assert by_cost.remarks.reasons[0] == Remark.of("cost_follows_time", price_per_hour=2.5)
    assert "at 2.5 an hour" in dict(make_view(recording, by_cost).verdict)["Cost to goal"]


def test_a_price_is_told_with_any_objective_and_its_absence_has_a_reason(recording):
    assert advise(recording, "energy", price_per_hour=1.0).recommended.cost_to_goal
    told = advice_json(advise(recording))
    assert told["price_per_hour_reason"] == "No price was given (price_per_hour)."
    for row in (told, told["reference"], *told["results"]):
        assert row["predicted_cost_to_goal_reason"] == "No price was given (price_per_hour)."


def test_the_price_of_the_study_holds_until_another_is_given(recording):
    settings = replace(recording.study.settings, price_per_hour=3.0)
    recording = replace(recording, study=replace(recording.study, settings=settings))
    own, other = advise(recording, "cost"), advise(recording, "cost", price_per_hour=6.0)
    ratio = other.recommended.cost_to_goal.value / own.recommended.cost_to_goal.value
    assert ratio == pytest.approx(2)


def test_cost_without_a_price_is_refused(recording):
    with pytest.raises(UsageError, match="needs the price of an hour"):
        advise(recording, "cost")
    with pytest.raises(UsageError, match="needs the price of an hour"):
        make_settings(objective="cost")


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_price_is_refused(price):
    with pytest.raises(UsageError, match="must be a number above 0"):
        make_settings(objective="cost", price_per_hour=price)


def test_a_study_for_energy_whose_power_was_not_measured_says_so_and_keeps_what_it_has(unpowered):
    settings = replace(unpowered.study.settings, objective="energy")
    study = replace(unpowered.study, settings=settings)
    advice = advise(replace(unpowered, study=study))
    assert advice.recommended is None
    assert advice.remarks.warnings[0] == Remark.of("energy_without_power")
    assert advice.fits.speed is not None


def test_energy_needs_the_stage_that_measures_power():
    with pytest.raises(UsageError, match="speed stage"):
        make_settings(objective="energy", stages=("memory", "learning"))


def test_an_unknown_objective_is_refused_with_those_there_are(recording, tmp_path):
    address = stored(recording, tmp_path)
    named = "use time, examples, steps, energy, cost"
    with pytest.raises(UsageError, match=named):
        make_settings(objective="joy")
    with pytest.raises(UsageError, match=named):
        readvise("by-hand", objective="joy", store=address)


def test_a_stored_study_is_advised_again_for_energy(recording, tmp_path):
    _, advice = readvise("by-hand", objective="energy", store=stored(recording, tmp_path))
    assert advice.batch_size == 16


def test_power_between_measured_sizes_lies_on_a_line_over_log_batch_size():
    assert interpolate_power([8, 32], [80.0, 240.0], 16) == pytest.approx(160.0)
    assert interpolate_power([32, 8], [240.0, 80.0], 4) == 80.0
    assert interpolate_power([8, 32], [80.0, 240.0], 999) == 240.0
    with pytest.raises(ValueError, match="exactly one power"):
        interpolate_power([8], [], 8)


def test_a_step_that_accumulates_draws_the_power_of_its_micro_batch(recording):
    speed = advise(recording).fits.speed
    facts = replace(recording.study.facts, train_examples=64)
    costs = step_costs(speed, [], facts, micro_batch_size=16)
    assert costs.joules(64) == pytest.approx(100.0 * costs.seconds(64))
    whole = step_costs(speed, [], facts)
    assert whole.joules(64) == pytest.approx(260.0 * whole.seconds(64))
