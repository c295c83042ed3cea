"""The figures of the report, drawn with Plotly from a View.

Colours are names of CSS variables ("var(--blue)"), which the page replaces with the colours of its
light or dark theme: blue for fits, green for the recommendation, orange for the user's present
settings, purple for the critical batch size and the noise scale, red for limits and failures, grey
for raw data.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from html import escape
from itertools import groupby
from typing import NoReturn

import plotly.graph_objects as go

from rightbatch.records import (
    BatchPrediction,
    Estimate,
    LearningFit,
    MemoryFit,
    NoiseFit,
    SpeedFit,
    memory_size,
)
from rightbatch.report import words
from rightbatch.report.canvas import Canvas
from rightbatch.report.findings import pick_fit, with_others
from rightbatch.report.runs import DrawnRun
from rightbatch.report.view import View

_OTHERS = ("var(--brown)", "var(--pink)", "var(--sky)")

Measure = Callable[[DrawnRun], float | None]

_DIVERGED = "diverged"
_RUN_KINDS: dict[str, tuple[str, int, str, Callable[[DrawnRun], bool]]] = {
    "run at its best learning rate": (
        "circle",
        8,
        "var(--raw-strong)",
        lambda run: run.reached and run.tuned,
    ),
    "run at another learning rate": (
        "circle",
        6,
        "var(--raw)",
        lambda run: run.reached and not run.tuned,
    ),
    "stopped before the goal": (
        "triangle-up-open",
        9,
        "var(--raw-strong)",
        lambda run: not run.reached and not run.run.diverged,
    ),
}


def make_figures(view: View) -> dict[str, go.Figure]:
    """Draw every figure that has data, by the key of its finding."""
    return {
        finding.key: _FIGURES[finding.key](view) for finding in view.findings if not finding.missing
    }


def _time(view: View) -> go.Figure:
    canvas = Canvas("batch size (examples per update)", "time to goal")
    _runs(canvas, view, lambda run: run.seconds, words.duration)
    main = _main(view)
    if main is not None and main.known:
        rows = main.known
        sizes = [row.batch_size for row in rows]
        canvas.band(
            sizes,
            [row.seconds.value if row.seconds.low is None else row.seconds.low for row in rows],
            [row.seconds.value if row.seconds.high is None else row.seconds.high for row in rows],
            "var(--blue-band)",
            "95% interval",
        )
        canvas.line(
            sizes,
            [row.seconds.value for row in rows],
            f"predicted, {escape(main.optimizer)}",
            "var(--blue)",
            [
                f"batch size {words.count(row.batch_size)}<br>{words.estimate(row.seconds)}"
                + _rate(row.learning_rate, start="<br>")
                for row in rows
            ],
            markers=True,
        )
    _other_optimizers(canvas, view, lambda row: row.seconds)
    for low, high in _near_optimal(view):
        canvas.shade(low / 1.12, high * 1.12, "var(--green-band)", "within 10% of the best")
    _choices(canvas, view)
    canvas.log_axes([size for fit in view.fits.learning for size in _sizes(fit)], words.duration)
    return canvas.figure()


def _steps(view: View) -> go.Figure:
    return _work(view, "steps", 0, lambda run: run.steps, words.count, lambda row: row.steps)


def _examples(view: View) -> go.Figure:
    return _work(
        view, "examples", 1, lambda run: run.examples, words.number, lambda row: row.examples
    )


def _work(
    view: View,
    what: str,
    power: int,
    measure: Measure,
    tell: Callable[[float], str],
    pick: Callable[[BatchPrediction], Estimate],
) -> go.Figure:
    """Steps (power 0) or examples (power 1) to goal; steps with the line of perfect scaling."""
    canvas = Canvas("batch size (examples per update)", f"{what} to goal")
    canvas.hide_in_legend(*_RUN_KINDS, _DIVERGED)
    _runs(canvas, view, measure, tell)
    main = _main(view)
    if main is not None and main.known:
        if power == 0:
            first, grid = main.known[0], _grid(_sizes(main))
            ideal = [first.steps.value * first.batch_size / size for size in grid]
            canvas.line(
                grid, ideal, "half the steps for twice the batch", "var(--muted)", dash="dot"
            )
            canvas.ignore_below(0.7 * min(row.steps.value for row in main.known))
        _fitted(canvas, main, power, [pick(row) for row in main.known])
    _other_optimizers(canvas, view, pick)
    canvas.log_axes([size for fit in view.fits.learning for size in _sizes(fit)], words.number)
    return canvas.figure()


def _throughput(view: View) -> go.Figure:
    fit = view.fits.speed or _nothing("speed")
    canvas = Canvas("batch size (examples per step)", "examples per second")
    raw = [(p.batch_size, p.batch_size / sample) for p in fit.points for sample in p.samples]
    canvas.points(
        [size for size, _ in raw],
        [rate for _, rate in raw],
        "individual timings",
        "var(--raw)",
        [
            f"batch size {words.count(size)}<br>{words.number(rate)} examples/s"
            for size, rate in raw
        ],
        size=5,
    )
    curve = _speed_curve(fit)
    canvas.line(*curve, "fit" if len(curve[0]) > len(fit.points) else "interpolated", "var(--blue)")
    canvas.estimates(
        [point.batch_size for point in fit.points],
        [point.examples_per_second for point in fit.points],
        "measured",
        "var(--blue)",
    )
    knee = fit.knee_batch_size
    canvas.mark(knee.value, f"90% at {words.count(knee.value)}", "var(--green)")
    canvas.log_x([point.batch_size for point in fit.points])
    canvas.linear_y(words.number)
    return canvas.figure()


def _speed_curve(fit: SpeedFit) -> tuple[list[float], list[float]]:
    """Throughput along the fitted line B/(α + β·B), or through the points where it is poor."""
    sizes = [float(point.batch_size) for point in fit.points]
    if fit.alpha is None or fit.beta is None or fit.interpolated:
        return sizes, [point.examples_per_second.value for point in fit.points]
    grid = _grid([size for size in sizes if size <= fit.micro_batch_size] or sizes)
    return grid, [size / (fit.alpha.value + fit.beta.value * size) for size in grid]


def _memory(view: View) -> go.Figure:
    fit = view.fits.memory or _nothing("memory")
    every = with_others(fit, view.fits.memories)
    canvas = Canvas("micro-batch size (examples per pass)", "peak memory")
    sizes = [size for one in every for size in (*(size for size, _ in one.points), *one.failed)]
    if fit.bytes_fixed is not None and fit.bytes_per_example is not None:
        ends = [0.0, float(max(sizes))]
        line = [fit.bytes_fixed.value + fit.bytes_per_example.value * end for end in ends]
        canvas.line(ends, line, "fit", "var(--blue)")
    for one, color in zip(every, _colors("var(--blue)", every), strict=True):
        points = sorted(one.points)
        canvas.points(
            [size for size, _ in points],
            [peak for _, peak in points],
            f"peak of a trial{_whose(one.optimizer, every)}",
            color,
            [f"batch size {words.count(size)}<br>{memory_size(peak)}" for size, peak in points],
            size=9,
        )
    _memory_limit(canvas, fit, every)
    canvas.linear_x(max(sizes))
    canvas.linear_y(memory_size, binary=True)
    return canvas.figure()


def _memory_limit(canvas: Canvas, fit: MemoryFit, every: Sequence[MemoryFit]) -> None:
    limit = memory_size(fit.limit_bytes)
    peaks = [peak for one in every for _, peak in one.points]
    failed = [(one.optimizer, size) for one in every for size in one.failed]
    if fit.limit_bytes <= 4 * max(peaks, default=fit.limit_bytes) or failed:
        canvas.level(fit.limit_bytes, f"limit {limit}", "var(--red)")
        canvas.points(
            [size for _, size in failed],
            [fit.limit_bytes] * len(failed),
            "out of memory",
            "var(--red)",
            [
                f"batch size {words.count(size)}<br>out of memory{_whose(name, every)}"
                for name, size in failed
            ],
            symbol="x",
            size=10,
        )
    else:
        canvas.remark(f"The limit, {limit}, lies far above this figure.")
    if fit.safe_batch_size is not None and fit.safe_batch_size != fit.largest_batch_size:
        canvas.mark(
            fit.safe_batch_size, f"safe: {words.count(fit.safe_batch_size)}", "var(--green)"
        )


def _noise(view: View) -> go.Figure:
    fit = view.fits.noise or _nothing("noise")
    canvas = Canvas("steps before the measurement", "noise scale, examples")
    known = {
        one.optimizer: {p.step: p.noise_scale for p in one.points if p.noise_scale is not None}
        for one in with_others(fit, view.fits.noises)
    }
    far = max(step for scales in known.values() for step in scales)
    _noise_level(canvas, fit, [0.0, float(far or 1)])
    for (name, scales), color in zip(known.items(), _colors("var(--purple)", known), strict=True):
        steps = list(scales)
        canvas.line(steps, [scale.value for scale in scales.values()], "", color, dash="dot")
        canvas.estimates(
            steps, list(scales.values()), f"at a checkpoint{_whose(name, known)}", color
        )
    canvas.linear_x(far)
    canvas.log_y(words.whole)
    return canvas.figure()


def _noise_level(canvas: Canvas, fit: NoiseFit, ends: Sequence[float]) -> None:
    found = fit.noise_scale
    if found is None:
        return
    if found.low is not None and found.high is not None:
        canvas.band(
            ends, [found.low] * 2, [found.high] * 2, "var(--purple-band)", "interval, later half"
        )
    hover = [f"later half: {words.estimate(found)}"] * 2
    canvas.line(ends, [found.value] * 2, "later half of the run", "var(--purple)", hover)


def _runs(canvas: Canvas, view: View, measure: Measure, tell: Callable[[float], str]) -> None:
    """Every training run as a point: filled if it reached the goal, open if it did not."""
    shown = [(run, value) for run in view.runs if (value := measure(run)) is not None]
    for name, (symbol, size, color, belongs) in _RUN_KINDS.items():
        kind = [(run, value) for run, value in shown if belongs(run)]
        canvas.points(
            [run.run.batch_size for run, _ in kind],
            [value for _, value in kind],
            name,
            color,
            [_about(run, tell(value)) for run, value in kind],
            symbol=symbol,
            size=size,
        )
    lost = [run for run, _ in shown if run.run.diverged]
    canvas.at_the_top(
        [run.run.batch_size for run in lost],
        _DIVERGED,
        "var(--red)",
        [_about(run, "diverged") for run in lost],
    )


def _rate(value: float, *, start: str = "", end: str = "") -> str:
    """A learning rate in hover text; empty if it was not recorded."""
    return "" if math.isnan(value) else f"{start}learning rate {words.learning_rate(value)}{end}"


def _about(drawn: DrawnRun, value: str) -> str:
    """The hover text of a run."""
    run = drawn.run
    bound = "" if drawn.reached or run.diverged else "more than "
    return (
        f"batch size {words.count(run.batch_size)}<br>{bound}{value}<br>"
        f"{_rate(run.learning_rate, end=', ')}seed {run.seed}<br>"
        f"{escape(run.optimizer)}, trial {run.trial}"
    )


def _fitted(canvas: Canvas, fit: LearningFit, power: int, found: list[Estimate]) -> None:
    """Predictions with their intervals, and the fitted S_min·(1 + B_crit/B)·B^power, if any."""
    sizes = _sizes(fit)
    if fit.steps_min is not None and fit.critical_batch_size is not None:
        critical, least = fit.critical_batch_size, fit.steps_min.value
        grid = _grid(sizes)
        curve = [least * (1 + critical.value / size) * size**power for size in grid]
        canvas.line(grid, curve, "fit", "var(--blue)")
        if critical.low is not None and critical.high is not None:
            canvas.shade(critical.low, critical.high, "var(--purple-band)", "critical batch size")
        canvas.mark(critical.value, f"critical {words.whole(critical.value)}", "var(--purple)")
    canvas.estimates(sizes, found, f"best learning rate, {escape(fit.optimizer)}", "var(--blue)")


def _other_optimizers(
    canvas: Canvas, view: View, pick: Callable[[BatchPrediction], Estimate]
) -> None:
    main = _main(view)
    others = [fit for fit in view.fits.learning if fit is not main and fit.known]
    for fit, color in zip(others, _OTHERS * len(others), strict=False):
        canvas.line(
            _sizes(fit),
            [pick(row).value for row in fit.predictions],
            escape(fit.optimizer),
            color,
            [
                f"{escape(fit.optimizer)}, batch size {words.count(row.batch_size)}"
                f"<br>{words.estimate(pick(row))}"
                for row in fit.predictions
            ],
            markers=True,
        )


def _colors(first: str, fits: Collection[object]) -> tuple[str, ...]:
    """A colour for the fit that a figure is about, and one for each other optimizer's."""
    return (first, *_OTHERS * len(fits))[: len(fits)]


def _whose(optimizer: str, fits: Collection[object]) -> str:
    """The optimizer of a point, if there are several."""
    return f", {escape(optimizer)}" if len(fits) > 1 else ""


def _choices(canvas: Canvas, view: View) -> None:
    """Mark the recommendation and the user's present batch size on the curve."""
    best, yours = view.recommended, view.reference
    if yours is not None and best is not None and yours.batch_size == best.batch_size:
        yours = None
    for choice, label, name, color, symbol in (
        (yours, "your", "your settings", "var(--orange)", "diamond"),
        (best, "recommended", "recommended", "var(--green)", "star"),
    ):
        if choice is not None:
            size = choice.batch_size
            canvas.mark(size, f"{label} {words.count(size)}", color)
            if choice.seconds_to_goal is not None:
                canvas.emblem(size, choice.seconds_to_goal.value, name, color, symbol)


def _near_optimal(view: View) -> Iterable[tuple[float, float]]:
    """The near-optimal set as contiguous ranges of the batch sizes considered."""
    main, near = _main(view), set(view.near_optimal)
    sizes = sorted({*(_sizes(main) if main else ()), *near})
    for inside, group in groupby(sizes, key=near.__contains__):
        if inside:
            members = list(group)
            yield members[0], members[-1]


def _main(view: View) -> LearningFit | None:
    return pick_fit(view.fits, view.recommended)


def _sizes(fit: LearningFit) -> list[float]:
    """The batch sizes predicted; without predictions, those trained."""
    rows = fit.predictions
    return [row.batch_size for row in rows] if rows else sorted({r.batch_size for r in fit.runs})


def _grid(sizes: Sequence[float]) -> list[float]:
    """61 batch sizes over the same range, equally spaced on a logarithmic axis."""
    low, high = math.log(min(sizes)), math.log(max(sizes))
    return [math.exp(low + (high - low) * place / 60) for place in range(61)]


def _nothing(name: str) -> NoReturn:
    """Fail if a figure without a fit is drawn."""
    raise ValueError(f"There is no {name} fit to draw; leave that figure out.")


_FIGURES: dict[str, Callable[[View], go.Figure]] = {
    "time": _time,
    "throughput": _throughput,
    "memory": _memory,
    "steps": _steps,
    "examples": _examples,
    "noise": _noise,
}
