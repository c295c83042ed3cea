"""What `rightbatch memory --predict` answers for this CPU, without a trial near the limit.

python benchmarks/memory/predicted.py        # all cases, or those named: cnn-2GiB ...
"""

import sys
import time

from cases import Rows, asked
from ours import told_by_rightbatch


def answers() -> Rows:
    """What was predicted."""
    return Rows("predicted", "case", "largest", "safe", "seconds")


def main() -> None:
    kept = answers()
    for case in asked(sys.argv[1:]):
        if not kept.of(case=case.name):
            begin = time.monotonic()
            told = told_by_rightbatch(case, "--predict")
            seconds = f"{time.monotonic() - begin:.1f}"
            kept.add(case.name, told["largest_batch_size"], told["safe_batch_size"], seconds)


if __name__ == "__main__":
    main()
