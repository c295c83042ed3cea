"""The learning stage: which run at which batch size and learning rate tells most per second.

The posterior of log cost over batch size and learning rate (`science.response`) says what each
next run is worth by its knowledge gradient (Frazier, Powell and Dayanik 2009): the expected fall of
the best predicted cost once the run is known. The run with the most of it per second is asked for,
until none is worth its time. A run that falls clearly behind the best one is given up.
"""

import math
from collections.abc import Sequence

from rightbatch.decide.advice.arms import Arm, Situation, arrived
from rightbatch.decide.advice.candidates import RATE_OCTAVES
from rightbatch.decide.advice.evidence import of_kind
from rightbatch.decide.advice.model import LearningModel
from rightbatch.decide.planning.going_on import cost_to_go, next_seed, open_run
from rightbatch.decide.planning.limits import FIRST_SHARE, Idea, Limits, Pair, TimeLeft
from rightbatch.records import BatchPrediction, Status, TrainingProbe
from rightbatch.science.response import expected_improvement

_WORTH = 0.05
_WORTH_AT_MOST = 0.002
"""All the time left is worth 5% of the predicted cost, and a run the share of that which it takes;
one expected to lower the cost by 0.2% is always worth making."""
_RUNS_AHEAD = (1, 2, 4, 8)
"""Numbers of runs that a pair is thought to be given: where seeds scatter, one alone changes no
choice (Frazier and Powell 2010, "Paradoxes in learning and the marginal value of information")."""
_PATIENCE_WHEN_AMPLE = 2.5
"""The same where runs are cheap: those given up make seeds look more alike than they are."""
_PATIENCE_FOR_THE_PICTURE = 4.0
"""The same for runs that are made for comparison, where time allows."""
_PATIENCE_FOR_THE_ASKED = 25.0
"""The same for batch sizes that the user named: their regime is to be seen, not only beaten."""
_PILOTS = 3
_PILOT_SHARE = 0.07
_PILOT_OCTAVES = 2.0
"""Before a goal is first reached, so many runs of so small a share of the time left look at rates
two octaves apart: a first rate far off would else use up half the time. Those that diverge
are cheap and do not count."""
_REFERENCE_SHARE = 0.1
"""The user's present settings are run only where that takes at most this share of the time left."""
_REFERENCE_AT_MOST = math.log(4)
"""The user's present settings are run unless expected to cost four times the best."""
_REACH = (3.0, 1.5)
"""Where time is ample, runs are considered within so many octaves of the best batch size, and of
its learning rate."""
_REACH_IN_ALL = 1.1
"""Else within about one octave of it, batch size and learning rate taken together: a few runs are
better spent beside the best than far from it, where little is known and so much may be hoped."""
_BRACKET = 1.0
"""Where time is not ample, the best learning rate is first checked so many octaves to both sides,
unless a run within half of that has told of it."""
_NEIGHBOUR_SD = 0.08
"""Where time is ample, batch sizes next to the best have so many runs near their best learning rate
that the seed noise of their mean log cost is below this."""
_AMPLE = 30
"""Where the time left holds this many of the best run, runs are also made for the picture: the
user's settings and batch sizes within reach of the best, to their end; else only the batch sizes
next to the best, and given up when behind."""


def next_training_probe(
    now: Situation, arm: Arm, micro_batch_size: int, left: TimeLeft, deadline: float
) -> TrainingProbe | None:
    """The most telling run; None when none is worth its time or none fits the time left."""
    if left.for_one_run <= 0:
        return None
    idea = _choose(now, arm, left)
    if idea is None:
        return None
    size, rate = idea.pair
    limits = Limits(arm, idea, left, now.facts.train_examples)
    if limits.hopeless:
        return None
    reason, run = idea.reason, open_run(arm.model, idea.pair)
    if run is not None:
        reason += f"; taken up again after step {run.result.points[-1].step}"
    return TrainingProbe(
        optimizer=arm.optimizer.name,
        batch_size=size,
        micro_batch_size=min(size, micro_batch_size),
        learning_rate=rate,
        seed=next_seed(now.trials, arm.model, idea.pair, now.settings.seed),
        max_steps=limits.max_steps,
        max_seconds=limits.max_seconds,
        seconds_limit=deadline,
        milestones=limits.milestones,
        reason=reason,
        pause=arm.model.goal.target is not None,
    )


def _choose(now: Situation, arm: Arm, left: TimeLeft) -> Idea | None:
    """The next run; None when none is worth its time."""
    model = arm.model
    tried = set(model.begun)
    sizes = _sizes(now, model)
    if not sizes:
        return None
    untried = [size for size in sizes if size not in {b for b, _ in tried}]
    if not tried:
        size = min(sizes, key=model.prior)
        why = "the cheapest by speed and noise scale, at the rule's rate"
        share = FIRST_SHARE if model.goal.target is None else _PILOT_SHARE
        return Idea((size, model.rule(size)), why, first_share=share)
    if not (model.runs and arrived(model)) and _pilots_left(model):
        return _pilot(model)
    if now.settings.batch_sizes and untried:
        size = min(untried, key=model.prior)
        share = min(FIRST_SHARE, 1 / len(untried))
        why = "asked for and not yet tried"
        return Idea((size, model.rule(size)), why, _PATIENCE_FOR_THE_ASKED, False, share)
    pairs = _candidates(sizes, model, tried)
    if not arrived(model) or arm.chosen is None:
        return _before_any_arrived(model, pairs, now.settings.one_off)
    ample = left.for_one_run > _AMPLE * (arm.chosen.seconds.value + left.overhead)
    return (
        _reference(now, arm, tried, left, ample)
        or (
            _untried_neighbour(model, arm.chosen, untried, ample)
            or _little_known_neighbour(model, arm.chosen, pairs)
            if ample
            else _bracket(model, arm.chosen, pairs)
        )
        or _most_telling(arm, arm.chosen, pairs, left, ample)
        or _untried_neighbour(model, arm.chosen, untried, ample)
    )


def _asked(now: Situation, optimizer: str) -> list[Pair]:
    """The pair of every run of an optimizer so far, those that measured nothing included."""
    probes = (probe for _, probe in of_kind(now.trials, TrainingProbe))
    return [(p.batch_size, p.learning_rate) for p in probes if p.optimizer == optimizer]


def _sizes(now: Situation, model: LearningModel) -> list[int]:
    """Batch sizes to consider, but those whose every run was lost (out of memory, killed)."""
    asked = {size for size, _ in _asked(now, model.optimizer.name)}
    lost = asked - {run.batch_size for run in model.summaries}
    return [size for size in now.sizes if size not in lost]


def _reference(
    now: Situation, arm: Arm, tried: set[Pair], left: TimeLeft, ample: bool
) -> Idea | None:
    """The user's present settings, unless tried, ruled out, or likely to be dear."""
    pair = (now.facts.batch_size, arm.optimizer.learning_rate)
    if pair in {*tried, *_asked(now, arm.optimizer.name)} or now.settings.batch_sizes:
        return None
    gap = arm.model.prior(pair[0]) - min(arm.model.prior(size) for size, _ in tried)
    dear = arm.chosen is None or arm.chosen.seconds.value > _REFERENCE_SHARE * left.for_one_run
    if not ample and (dear or gap > _REFERENCE_AT_MOST):
        return None
    return _for_the_picture(pair, "your present settings, to compare with", ample)


def _for_the_picture(pair: Pair, reason: str, ample: bool) -> Idea:
    """A run made for comparison: to its end where time is ample, else raced like any other."""
    if ample:
        return Idea(pair, reason, _PATIENCE_FOR_THE_PICTURE, raced=False)
    return Idea(pair, reason)


def _untried_neighbour(
    model: LearningModel, chosen: BatchPrediction, untried: Sequence[int], ample: bool
) -> Idea | None:
    """An untried batch size near the best, at the same distance from the rule's rate."""
    reach = _REACH[0] if ample else 1.0
    near = [b for b in untried if abs(math.log2(b / chosen.batch_size)) <= reach]
    if not near:
        return None
    shift = chosen.learning_rate / model.rule(chosen.batch_size)
    pairs = [(size, model.rule(size) * shift) for size in near]
    why = f"a neighbour of batch size {chosen.batch_size}, the best so far"
    return _for_the_picture(_cheapest(model, pairs), why, ample)


def _little_known_neighbour(
    model: LearningModel, chosen: BatchPrediction, pairs: Sequence[Pair]
) -> Idea | None:
    """A batch size next to the best with few runs near what seems its best learning rate.

    One unlucky run, or a learning rate that suits another batch size, would else rule it out.
    """
    sizes = sorted({size for size, _ in pairs})
    at = sizes.index(chosen.batch_size) if chosen.batch_size in sizes else 0
    for size in sizes[max(0, at - 1) : at + 2]:
        _, rate = _cheapest(model, [pair for pair in pairs if pair[0] == size])
        near = [r for b, r in model.begun if b == size and abs(math.log2(r / rate)) < 0.6]
        if len(near) < (model.surface.noise_sd / _NEIGHBOUR_SD) ** 2:
            why = f"batch size {size}, next to the best, is known from few runs"
            return Idea((size, rate), why, _PATIENCE_WHEN_AMPLE, raced=False)
    return None


def _bracket(model: LearningModel, chosen: BatchPrediction, pairs: Sequence[Pair]) -> Idea | None:
    """The best batch size at half or twice its learning rate, where no run has told of that."""
    size, rate = chosen.batch_size, chosen.learning_rate
    runs = [model.rate_octaves(b, r) for b, r in model.begun if abs(math.log2(b / size)) <= 1]
    sides = []
    for octaves in (-_BRACKET, _BRACKET):
        at = model.rate_octaves(size, rate) + octaves
        if all(abs(run - at) > _BRACKET / 2 for run in runs):
            sides += [pair for pair in pairs if _same(pair, (size, rate * 2**octaves))]
    if not sides:
        return None
    reason = f"a check of the learning rate of batch size {size}, the best so far"
    return Idea(_cheapest(model, sides), reason)


def _cheapest(model: LearningModel, pairs: Sequence[Pair]) -> Pair:
    """The pair with the lowest predicted cost, the first of equals."""
    means = [mean for mean, _ in model.predict(pairs)]
    return pairs[means.index(min(means))]


def _candidates(sizes: Sequence[int], model: LearningModel, tried: set[Pair]) -> list[Pair]:
    """Every pair tried or on the grid; none at or above a learning rate that diverged."""
    ceilings = dict.fromkeys(sizes, math.inf)
    for run in model.summaries:
        if run.status == Status.DIVERGED.value:
            size = run.batch_size
            ceilings[size] = min(ceilings.get(size, math.inf), run.learning_rate)
    grid = {(size, model.rule(size) * 2**octave) for size in sizes for octave in RATE_OCTAVES}
    near = {pair for pair in grid if not any(_same(pair, other) for other in tried)}
    return sorted(
        (size, rate) for size, rate in near | tried if rate < ceilings.get(size, math.inf) * 0.99
    )


def _same(pair: Pair, other: Pair) -> bool:
    """Whether two pairs are one batch size and learning rates less than a fifth octave apart."""
    return pair[0] == other[0] and abs(math.log2(pair[1] / other[1])) < 0.2


def _pilots_left(model: LearningModel) -> bool:
    """Whether short runs at other learning rates come first."""
    begun = len(model.alive) + len(model.under_way)
    return model.goal.target is not None and begun < _PILOTS


def _pilot(model: LearningModel) -> Idea:
    """A short run at the first batch size, below the learning rates tried there, else above."""
    size = model.begun[0][0]
    octaves = [model.rate_octaves(size, r) for b, r in model.begun if b == size]
    runs = [run for run in model.summaries if run.batch_size == size]
    diverged = any(run.status == Status.DIVERGED.value for run in runs)
    below = diverged or min(octaves) > -_PILOT_OCTAVES
    at = min(octaves) - _PILOT_OCTAVES if below else max(octaves) + _PILOT_OCTAVES
    why = "a short look at another learning rate"
    return Idea((size, model.rule(size) * 2**at), why, raced=False, first_share=_PILOT_SHARE)


def _before_any_arrived(model: LearningModel, pairs: Sequence[Pair], one_off: bool) -> Idea | None:
    """The pair most likely to be cheap, one that ran for a short time included.

    Where one model is wanted, what such a run has behind it counts for it. A pair whose run is
    under way is left alone.
    """
    going = {(probe.batch_size, probe.learning_rate) for probe in model.under_way}
    pairs = [pair for pair in pairs if pair not in going]
    if not pairs:
        return None
    if not one_off:
        return Idea(_cheapest(model, pairs), "no run has reached the goal yet")
    costs = [math.exp(mean) for mean, _ in model.predict(pairs)]
    to_go = [cost_to_go(model, pair, cost) for pair, cost in zip(pairs, costs, strict=True)]
    return Idea(pairs[to_go.index(min(to_go))], "no run has reached the goal yet")


def _most_telling(
    arm: Arm, chosen: BatchPrediction, pairs: Sequence[Pair], left: TimeLeft, ample: bool
) -> Idea | None:
    """The pair with the highest knowledge gradient per second; None where none gains enough."""
    model = arm.model
    incumbent = (chosen.batch_size, chosen.learning_rate)
    near = [pair for pair in pairs if _within_reach(model, pair, incumbent, ample)]
    beliefs = dict(zip(near, model.predict(near, believing=True), strict=True))
    if incumbent not in beliefs:
        return None
    best = beliefs[incumbent][0]
    rival = min((mean for pair, (mean, _) in beliefs.items() if pair != incumbent), default=best)
    noise = model.surface.noise_sd
    worth: dict[Pair, float] = {}
    for pair, (mean, sd) in beliefs.items():
        gap = min(best - rival, 0.0) if pair == incumbent else best - mean
        to_go = cost_to_go(model, pair, math.exp(min(mean, best)))
        seconds = to_go / model.cost_per_step(pair[0]) * arm.seconds(pair[0])
        share = max(seconds / left.training, (seconds + left.overhead) / left.wall)
        for runs in _RUNS_AHEAD:
            change = sd * sd / math.hypot(sd, noise / math.sqrt(runs))
            gain = expected_improvement(gap, change) / runs
            if runs * share < 1 and gain > min(_WORTH * share, _WORTH_AT_MOST):
                worth[pair] = max(worth.get(pair, 0.0), gain / (seconds + left.overhead))
    if not worth:
        return None
    pair = max(worth, key=lambda p: worth[p])
    if pair == incumbent:
        reason = f"another seed of the best so far, batch size {pair[0]}"
    else:
        reason = f"may beat batch size {incumbent[0]} at learning rate {incumbent[1]:.3g}"
    if ample:
        return Idea(pair, reason, _PATIENCE_WHEN_AMPLE, raced=False)
    return Idea(pair, reason)


def _within_reach(model: LearningModel, pair: Pair, best: Pair, ample: bool) -> bool:
    """Whether a pair is near enough to the best one to be worth a run."""
    sizes = abs(math.log2(pair[0] / best[0]))
    rates = abs(model.rate_octaves(*pair) - model.rate_octaves(*best))
    if ample:
        return sizes <= _REACH[0] and rates <= _REACH[1]
    return sizes + rates <= _REACH_IN_ALL
