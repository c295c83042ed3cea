"""Step times of a case at every batch size, interleaved in one process on a quiet machine.

python benchmarks/live/speed.py digits-sgd
"""

import csv
import sys

from cases import named

from rightbatch.api.references import local_runner
from rightbatch.records import DescribeProbe, SpeedProbe, SpeedResult
from rightbatch.science.stats import median_interval


def main() -> None:
    case = named(sys.argv[1])
    case.choose_backend()
    runner = local_runner(case.job())
    try:
        _, described = runner.run(DescribeProbe(), lambda _: None)
        sizes = tuple(case.sizes(described.facts.train_examples))
        micro = min(sizes[-1], case.micro_batch_size)
        probe = SpeedProbe(
            case.optimizer, (4, *sizes), micro, case.speed_seconds, seconds_limit=600.0
        )
        _, result = runner.run(probe, lambda _: None)
    finally:
        runner.close()
    if not isinstance(result, SpeedResult):
        sys.exit("The speed probe brought no result.")
    case.results.mkdir(parents=True, exist_ok=True)
    with (case.results / f"speed-{case.name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["batch_size", "step_seconds", "low", "high", "timings"])
        for size in dict.fromkeys(sample.batch_size for sample in result.samples):
            own = [s.step_seconds for s in result.samples if s.batch_size == size]
            found = median_interval(own)
            row = [found.value, found.low or "", found.high or ""]
            writer.writerow([size, *(f"{x:.6g}" if x != "" else "" for x in row), len(own)])
    print(f"{case.name}: timed {len(sizes) + 1} sizes, left out {result.left_out}")


if __name__ == "__main__":
    main()
