"""The true limit of each case by bisection to 1%, with a fresh process for each size.

    python benchmarks/memory/truth.py            # all cases, or those named: cnn-2GiB ...

A size fits if three batches, the short last one and a validation pass stay inside the limit, in a
plain training loop (`epoch.py`). Sizes double from 32 until one does not fit. Rows are kept as they
are made: stop it and start it again.
"""

import sys

from cases import LARGEST, Case, Rows, asked
from epoch import run

BATCHES = 3
CLOSE = 1.01


def bracket(rows: list[dict[str, str]]) -> tuple[int, int | None]:
    """The largest size that fitted and the smallest that did not."""
    fits = max((int(r["batch_size"]) for r in rows if r["fits"] == "True"), default=0)
    fails = min((int(r["batch_size"]) for r in rows if r["fits"] == "False"), default=None)
    return fits, fails


def next_size(fits: int, fails: int | None) -> int | None:
    """Double, then bisect; None at the end."""
    if fits >= LARGEST:
        return None
    if fails is None:
        return min(max(32, 2 * fits), LARGEST)
    if fails <= max(CLOSE * fits, fits + 1):
        return None
    return (fits + fails) // 2


def table() -> Rows:
    """Every size that was run."""
    return Rows("truth", "case", "batch_size", "fits", "kind", "peak_bytes", "seconds")


def true_limit(case: Case, kept: Rows) -> int | None:
    """The largest size that fitted; None while the bisection is not done."""
    fits, fails = bracket(kept.of(case=case.name))
    return fits if fits and next_size(fits, fails) is None else None


def main() -> None:
    kept = table()
    for case in asked(sys.argv[1:]):
        while size := next_size(*bracket(kept.of(case=case.name))):
            ran = run(case, size, BATCHES)
            kept.add(case.name, size, ran.fits, ran.kind, ran.peak_bytes, f"{ran.seconds:.1f}")


if __name__ == "__main__":
    main()
