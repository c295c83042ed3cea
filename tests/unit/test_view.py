"""The View puts an Advice into words that agree with its numbers."""

from dataclasses import replace
from statistics import median

import pytest
from report_fixture import digits, facts, memory_only, step_seconds, too_little, two_optimizers

from rightbatch.records import Choice, Decision, Ending, Estimate
from rightbatch.report import words
from rightbatch.report.figures import make_figures
from rightbatch.report.view import make_view


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (0.0003, "300 µs"),
        (0.0021, "2.1 ms"),
        (0.92, "0.92 s"),
        (2.34, "2.3 s"),
        (59.6, "1 min"),
        (100, "1 min 40 s"),
        (3599.7, "1 h"),
        (7322, "2 h 2 min"),
        (float("nan"), "not known"),
    ],
)
def test_a_duration_reads_like_speech(seconds, told):
    assert words.duration(seconds) == told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Estimate(0.92, 0.8, 1.1, unit="s"), "0.92 s (0.80 to 1.10)"),
        (Estimate(100, 90, 140, unit="s"), "1 min 40 s (1 min 30 s to 2 min 20 s)"),
        (Estimate(70, 40, None, unit="examples"), "70 examples (at least 40)"),
        (Estimate(2**20, unit="bytes"), "1.00 MiB"),
        (Estimate(float("nan"), unit="s"), "not known"),
        (None, "not known"),
    ],
)
def test_an_estimate_is_told_with_its_interval_and_unit(found, told):
    assert words.estimate(found) == told


def test_steps_have_their_noun():
    assert words.steps(1) == "1 step"
    assert words.steps(1200) == "1,200 steps"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5.0, "1.8× as fast as your 32"), (18.0, "2.0× as long as your 32")],
)
def test_a_time_is_compared_with_the_users_own(seconds, told):
    assert words.against(seconds, 9.0, 32) == told


@pytest.mark.parametrize(
    ("seconds", "ratio", "told"),
    [
        (5.0, Estimate(1.8, 1.5, 2.2), "1.8× as fast as your 32 (1.5 to 2.2)"),
        (18.0, Estimate(0.5, 0.4, 0.8), "2.0× as long as your 32 (1.2 to 2.5)"),
    ],
)
def test_a_comparison_is_told_with_its_interval(seconds, ratio, told):
    assert words.against(seconds, 9.0, 32, ratio) == told


def test_a_difference_of_a_few_percent_is_called_the_same():
    assert words.against(9.2, 9.0, 32) == "about the same as your 32"


def test_the_verdict_names_what_to_use_and_what_it_gains():
    view = make_view(*digits())
    verdict = dict(view.verdict)
    assert verdict["Settings"] == "batch_size=128, learning_rate=0.528"
    assert view.epoch_example == "Here: 12 (1,437 examples / 128) steps."
    assert verdict["Epochs to goal"].endswith(", 12 steps each")
    assert "× as fast as your 32" in verdict["Time to goal"]
    assert verdict["Near-optimal"] == "64 is also within 10%"
    assert verdict["Limited by"].startswith("critical batch size")


def change(recording, advice):
    return dict(make_view(recording, advice).verdict)["Could change it"]


def test_the_verdict_says_what_would_change_it():
    recording, advice = digits()
    (fit,) = advice.fits.learning
    best = next(row for row in fit.predictions if row.batch_size == 128)
    rivals = [row.batch_size for row in fit.predictions
              if row.batch_size != 128 and row.seconds.low <= best.seconds.high]  # fmt: skip
    assert 0 < len(rivals) < 4
    rest = f"({words.sizes(rivals)} may be as good)"
    assert change(recording, advice) == f"more runs {rest}"
    assert change(recording, replace(advice, ended=Ending("time"))) == f"a larger budget {rest}"
    noisy = replace(advice.fits, speed=replace(advice.fits.speed, noisy=True))
    bound = replace(advice, binding_constraint="memory", fits=noisy)
    assert change(recording, bound) == f"more runs {rest}, more memory, a quiet machine"


def test_without_rivals_limits_or_noise_only_another_question_would_change_the_verdict():
    recording, advice = digits()
    (fit,) = advice.fits.learning
    alone = tuple(row for row in fit.predictions if row.batch_size == 128)
    fits = replace(
        advice.fits,
        learning=(replace(fit, predictions=alone),),
        speed=replace(advice.fits.speed, noisy=False),
    )
    told = change(recording, replace(advice, fits=fits))
    assert told == "another goal, model or machine"


def test_settings_to_paste_name_the_micro_batch_where_gradients_accumulate():
    recording, advice = digits()
    best = replace(advice.recommended, micro_batch_size=32, accumulation_steps=4)
    told = dict(make_view(recording, replace(advice, recommended=best)).verdict)["Settings"]
    settings = "batch_size=128, micro_batch_size=32, accumulation_steps=4"
    assert told == f"{settings}, learning_rate={best.learning_rate:.3g}"


def test_the_verdict_tells_the_settings_by_the_names_of_the_users_library():
    recording, advice = digits()
    names = (("per_device_size", "micro_batch_size"), ("rate", "learning_rate"), ("no", "thing"))
    facts = replace(recording.study.facts, names=names)
    told = make_view(replace(recording, study=replace(recording.study, facts=facts)), advice)
    best = advice.recommended
    expected = f"per_device_size={best.micro_batch_size}, rate={best.learning_rate:.3g}"
    assert dict(told.verdict)["Settings"] == expected


def test_the_recommended_row_of_the_table_is_set_apart():
    table = make_view(*digits()).sizes
    assert [table.rows[place][0] for place in table.strong] == ["128"]
    assert all(len(row) == len(table.head) for row in table.rows)


def test_every_run_is_told_with_why_it_was_made_and_how_it_compares():
    recording, advice = digits()
    (fit,) = advice.fits.learning
    rate = advice.recommended.learning_rate
    behind = Decision("behind", 64, 128, 0.22, 0.9)
    decisions = (Decision("begin", 8), Decision("carry_on", 8), Decision("race", 8, 128))
    first = replace(fit.runs[0], steps=None, decisions=decisions, compared=behind)
    best = max(fit.runs, key=lambda run: (run.batch_size == 128, run.learning_rate == rate))
    winner = replace(best, compared=Decision("best", 128))
    others = [winner if run is best else run for run in fit.runs[1:]]
    told = replace(advice.fits, learning=(replace(fit, runs=(first, *others)),))
    view = make_view(recording, replace(advice, fits=told))
    seconds = {drawn.run.trial: drawn.seconds for drawn in view.runs}
    mine = [seconds[run.trial] for run in fit.runs
            if run.batch_size == 128 and run.learning_rate == rate]  # fmt: skip
    times = 1.22 * seconds[best.trial] / median(mine)
    assert len(view.decisions.rows) == len(fit.runs)
    assert view.decisions.rows[0][-3:] == (
        "the cheapest given its speed and a typical critical batch size; "
        "could beat the runs so far",
        "not reached",
        f"{times:.2f}× up to accuracy 0.9",
    )


def test_settings_are_compared_the_recommended_first_then_the_present_one_then_by_time():
    recording, advice = digits()
    view = make_view(recording, advice)
    best, yours, *others = view.tried.rows
    assert view.tried.head == (
        "Batch size",
        "Learning rate",
        "Runs",
        "Median time",
        "vs recommended",
    )
    assert (best[:3], best[-1]) == (("128", "0.528", "3"), "recommended")
    assert (yours[0], yours[-1][-7:]) == ("32", ", yours")
    assert view.tried.strong == (0,)
    assert len(view.tried.rows) == len({(d.run.batch_size, d.run.learning_rate) for d in view.runs})
    arrived = {
        (words.count(run.run.batch_size), words.learning_rate(run.run.learning_rate)): run.seconds
        for run in view.runs
        if run.reached
    }
    order = [row[:2] for row in others if row[3] != "not reached"]
    assert all(row[3] == "not reached" for row in others[len(order) :])
    once = [row[:2] for row in others if row[2] == "1" and row[3] != "not reached"]
    assert once == sorted(once, key=arrived.__getitem__)
    mine = median(run.seconds for run in view.runs if run.run.batch_size == 128
                  and run.run.learning_rate == advice.recommended.learning_rate)  # fmt: skip
    for row in others:
        if row[2] == "1" and row[3] != "not reached" and "noise" not in row[-1]:
            assert row[-1] == f"{arrived[row[:2]] / mine:.2f}×"
    assert {row[-1] for row in others if row[3] == "not reached"} == {"stopped", "diverged"}


def test_a_setting_that_differs_by_chance_is_marked():
    recording, advice = digits()
    (fit,) = advice.fits.learning
    rate = advice.recommended.learning_rate
    quick = [
        replace(run, steps=run.steps * 0.97, learning_rate=rate * 1.1, trial=900 + run.seed)
        for run in fit.runs
        if run.batch_size == 128 and run.learning_rate == rate
    ]
    learning = (replace(fit, runs=(*fit.runs, *quick)),)
    view = make_view(recording, replace(advice, fits=replace(advice.fits, learning=learning)))
    assert view.tried.rows[0][-1] == "recommended"
    assert view.tried.rows[2][-1] == "0.97× (within noise)"


@pytest.mark.parametrize("aim", ["examples", "steps"])
def test_settings_are_compared_by_what_is_minimised(aim):
    recording, advice = digits()
    view = make_view(recording, replace(advice, objective=aim))
    assert view.tried.head[-2] == f"Median {aim}"
    alike = [getattr(run, aim) for run in view.runs if run.run.batch_size == 128 and run.reached
             and run.run.learning_rate == advice.recommended.learning_rate]  # fmt: skip
    assert view.tried.rows[0][-2] == words.number(median(alike))


def mean_seconds(batch_size):
    updates = facts().updates(batch_size)
    seconds = sum(times * step_seconds(size) for size, times in updates)
    return seconds / facts().steps_per_epoch(batch_size)


def test_a_runs_seconds_are_its_steps_times_the_measured_step_time():
    recording, advice = digits()
    runs = make_view(recording, advice).runs
    assert len(runs) == len(advice.fits.learning[0].runs)
    for run in runs:
        expected = run.steps * mean_seconds(run.run.batch_size)
        assert run.seconds == pytest.approx(expected, rel=0.06)
    line = replace(advice.fits.speed, points=advice.fits.speed.points[:1])
    view = make_view(recording, replace(advice, fits=replace(advice.fits, speed=line, speeds=())))
    large = next(run for run in view.runs if run.run.batch_size == 512)
    assert large.seconds == pytest.approx(large.steps * mean_seconds(512), rel=1e-9)


def test_without_a_speed_stage_a_run_keeps_its_own_clock():
    recording, advice = digits()
    view = make_view(recording, replace(advice, fits=replace(advice.fits, speed=None, speeds=())))
    run = advice.fits.learning[0].runs[0]
    assert view.runs[0].seconds == pytest.approx(run.steps * run.train_seconds / run.curve.steps)


def test_with_too_little_data_it_says_what_to_do():
    view = make_view(*too_little())
    assert view.recommended is None
    assert "larger budget" in view.next_step
    assert not make_view(*digits()).next_step


def first_guess():
    """A study in which no run has arrived, told with a first guess."""
    recording, advice = too_little()
    guess = Choice("sgd", 64, 0.1, 64, 1, 23)
    return recording, replace(advice, recommended=guess, reference=guess)


def test_a_first_guess_comes_with_what_to_do_and_without_a_set_of_equals():
    view = make_view(*first_guess())
    assert "larger budget" in view.next_step
    assert dict(view.verdict)["Settings"].startswith("batch_size=64, ")
    told = {name for name, _ in view.verdict} | {name for name, _, _ in view.tiles}
    assert "Near-optimal" not in told


@pytest.mark.parametrize("study", [digits, too_little])
def test_a_study_that_was_stopped_says_how_to_go_on(study):
    recording, advice = study()
    stopped = replace(recording, study=replace(recording.study, finished=False))
    assert "--resume" in make_view(stopped, advice).next_step
    assert "--resume" not in make_view(recording, advice).next_step


def test_another_optimizer_at_the_users_batch_size_and_rate_is_another_setting():
    recording, advice = digits()
    same = replace(advice, reference=advice.recommended)
    other = replace(advice, reference=replace(advice.recommended, optimizer="adam"))
    told = [dict(make_view(recording, a).verdict)["Time to goal"] for a in (same, other)]
    assert "the settings you use today" in told[0]
    assert "the settings you use today" not in told[1]


def test_a_stage_that_was_not_run_says_why_and_draws_nothing():
    view = make_view(*memory_only())
    missing = {finding.key for finding in view.findings if finding.missing}
    assert missing == {"time", "throughput", "steps", "examples", "noise"}
    assert set(make_figures(view)) == {"memory"}
    assert all("not selected" in f.missing for f in view.findings if f.missing)


def test_each_optimizer_and_regime_asked_for_has_its_row():
    view = make_view(*two_optimizers())
    assert [row[0] for row in view.optimizers.rows] == ["sgd", "adam"]
    assert [row[0] for row in view.regimes.rows] == ["stochastic", "mini-batch", "full-batch"]
    assert {row[0] for row in view.sizes.rows} == {"sgd", "adam"}
    assert make_view(*digits()).optimizers is None


def test_every_run_is_in_the_picture_and_censored_ones_are_open_triangles():
    view = make_view(*digits())
    traces = make_figures(view)["time"].data
    told = [trace for trace in traces if any("trial" in text for text in trace.text or ())]
    assert sum(len(trace.x) for trace in told) == len(view.runs)
    censored = next(trace for trace in told if trace.name == "stopped before the goal")
    assert censored.marker.symbol == "triangle-up-open"
    assert all("more than" in text and "seed" in text for text in censored.text)


def test_optimizers_are_compared_by_what_fits_and_by_their_noise_scales():
    table = make_view(*two_optimizers()).optimizers
    assert [row[0] for row in table.rows] == ["sgd", "adam"]
    assert table.head[-2:] == ("Largest that ran", "Noise scale")
    assert [row[-2] for row in table.rows] == ["1,437", "512"]
    assert [row[-1].split()[0] for row in table.rows] == ["95", "60"]


def test_figures_of_memory_and_noise_say_which_optimizer_they_are_about():
    recording, advice = two_optimizers()
    view = make_view(recording, advice)
    found = {finding.key: finding for finding in view.findings}
    figures = make_figures(view)
    for key, rows in (("memory", 9 + 4 + 1), ("noise", 6 + 6)):
        assert " with sgd" in found[key].heading
        assert found[key].table.head[0] == "Optimizer"
        assert {row[0] for row in found[key].table.rows} == {"sgd", "adam"}
        assert len(found[key].table.rows) == rows
        names = " ".join(trace.name or "" for trace in figures[key].data)
        assert ", sgd" in names
        assert ", adam" in names


def test_a_study_of_one_optimizer_does_not_name_it_in_every_figure():
    view = make_view(*digits())
    assert view.optimizers is None
    for finding in view.findings:
        if finding.key in ("memory", "noise"):
            assert "sgd" not in finding.heading
            assert "Optimizer" not in finding.table.head


def test_a_small_memory_limit_is_drawn_and_a_distant_one_is_told():
    recording, advice = digits()
    limit = 500 * 2**20
    near = replace(advice.fits.memory, limit_bytes=limit, failed=(2000,), capped_by="memory")
    view = make_view(recording, replace(advice, fits=replace(advice.fits, memory=near)))
    drawn = make_figures(view)["memory"]
    assert [shape.y0 for shape in drawn.layout.shapes] == [limit]
    distant = make_figures(make_view(recording, advice))["memory"]
    assert not distant.layout.shapes
    assert any("6.00 GiB" in note.text for note in distant.layout.annotations)
