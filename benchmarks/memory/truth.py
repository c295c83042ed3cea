"""The true limit of each case to 1%, with a fresh process for each size.

    python benchmarks/memory/truth.py            # all cases, or those named: cnn-2GiB ...

A size fits if 20 batches, the short last one and a validation pass stay inside the limit, in a
plain training loop (`epoch.py`). What is told fitted, and a size at most 1% larger did not. On the
way there sizes are run with three batches, as a size that fails in three fails in twenty: where a
line through the largest that fitted says, between what fitted and what failed otherwise. What
is left is run with twenty, and where that fails the search goes on by halves with twenty. A size
that fitted a smaller limit fits a larger one, and an answer that survived its epoch (`ours.py`,
`rivals.py`) fits: it was run as the sizes here are. One that did not lowers no limit, so that luck
flatters no answer. Rows are kept: stop it and start it again.
"""

import sys
from dataclasses import dataclass

import rivals
from cases import CASES, LARGEST, Case, Rows, asked
from epoch import EPOCH_BATCHES, run
from ours import checks

FEW_BATCHES = 3
CLOSE = 1.01
FIRST = (32, 128)
APART = 0.9
"""How far apart, at least, the two are: a heap makes the line through near ones wild."""
FURTHEST = 4
"""Times the largest size so far: small sizes tell little of large ones."""
STEP_DOWN = 0.009
"""Below a size that failed; doubled with each one that does."""
STEP_DOWN_FROM_FAR = 0.05
"""The same where the line came from sizes far smaller."""
LONG_STEP_DOWN = 0.03
"""The same below a size that failed only in the course of twenty batches."""


@dataclass(frozen=True)
class Known:
    """What is known of a case.

    Attributes:
        fitted: (size, peak bytes) of what fitted, ascending, whatever the number of batches.
        failed: Sizes that did not fit, ascending.
        lasted: The largest size that fitted with all batches; 0 for none.
        confirming: Whether a size was run here with all batches.
    """

    fitted: tuple[tuple[int, int], ...]
    failed: tuple[int, ...]
    lasted: int
    confirming: bool

    @property
    def ran(self) -> int:
        """The largest size that fitted; 0 for none."""
        return self.fitted[-1][0] if self.fitted else 0

    @property
    def fails(self) -> int:
        """The smallest size that did not fit; one more than the data where all did."""
        return self.failed[0] if self.failed else LARGEST + 1


def known(case: Case, kept: Rows) -> Known:
    """Sort the rows of a case, and what fitted a smaller limit."""
    own = kept.of(case=case.name)
    failed = sorted(int(r["batch_size"]) for r in own if r["fits"] == "False")
    smaller = [
        other.name
        for other in CASES.values()
        if other.model == case.model and other.limit_bytes < case.limit_bytes
    ]
    rows = [*own, *checked(case.name)]
    rows += [row for name in smaller for row in [*kept.of(case=name), *checked(name)]]
    fitted = {
        int(r["batch_size"]): int(r["peak_bytes"])
        for r in rows
        if r["fits"] == "True" and not (failed and int(r["batch_size"]) >= failed[0])
    }
    searched = [row for row in own if row["batches"] == str(EPOCH_BATCHES)]
    long = [r for r in [*searched, *checked(case.name)] if r["fits"] == "True"]
    lasted = [int(row["batch_size"]) for row in long]
    return Known(
        tuple(sorted(fitted.items())),
        tuple(failed),
        max((size for size in lasted if size in fitted), default=0),
        bool(searched),
    )


def checked(case: str) -> list[dict[str, str]]:
    """The epochs that answers were trained for."""
    return [row for tool in ("ours", *rivals.TOOLS) for row in checks(tool).of(case=case)]


def next_run(now: Known, limit_bytes: int) -> tuple[int, int] | None:
    """The next size and its number of batches; None at the end."""
    if now.confirming:
        if not now.lasted:
            return int((1 - LONG_STEP_DOWN) * now.fails), EPOCH_BATCHES
        if close(now.lasted, now.fails):
            return None
        return (now.lasted + now.fails) // 2, EPOCH_BATCHES
    if close(now.ran, now.fails):
        return (now.ran, EPOCH_BATCHES) if now.ran > now.lasted else None
    return next_size(now, limit_bytes), FEW_BATCHES


def next_size(now: Known, limit_bytes: int) -> int:
    """Where the line through the largest two that fitted, apart, says, or below a failure."""
    for first in FIRST:
        if now.ran < first < now.fails:
            return first
    above = sum(1 for size in now.failed if size <= 1.2 * now.fails)
    step = STEP_DOWN if now.fails < 1.5 * now.ran else STEP_DOWN_FROM_FAR
    below = int((1 - step * 2 ** (above - 1)) * now.fails) if now.failed else LARGEST
    guess = below
    smaller = [pair for pair in now.fitted if pair[0] <= APART * now.ran]
    if smaller:
        (low, low_bytes), (high, high_bytes) = smaller[-1], now.fitted[-1]
        slope = max((high_bytes - low_bytes) / (high - low), 1.0)
        guess = min(int(high + (limit_bytes - high_bytes) / slope), FURTHEST * high)
    elif now.ran:
        guess = int(now.ran / APART) + 1
    if guess >= now.fails:
        guess = max((now.ran + now.fails) // 2, below)
    return min(max(guess, int(CLOSE * now.ran), now.ran + 1), now.fails - 1)


def close(fits: int, fails: int) -> bool:
    """Whether what failed is at most 1% larger."""
    return fails <= max(CLOSE * fits, fits + 1)


def table() -> Rows:
    """Every size that was run."""
    return Rows("truth", "case", "batch_size", "batches", "fits", "kind", "peak_bytes", "seconds")


def true_limit(case: Case, kept: Rows) -> int | None:
    """The largest size that lasted; None while the search is not done."""
    now = known(case, kept)
    return now.lasted if now.lasted and close(now.lasted, now.fails) else None


def main() -> None:
    kept = table()
    for case in asked(sys.argv[1:]):
        while to_do := next_run(known(case, kept), case.limit_bytes):
            ran = run(case, *to_do)
            kept.add(case.name, *to_do, ran.fits, ran.kind, ran.peak_bytes, f"{ran.seconds:.1f}")


if __name__ == "__main__":
    main()
