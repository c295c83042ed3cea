"""What other tools answer on the same workloads, and whether their answers survive an epoch.

    python benchmarks/memory/rivals.py           # with the rivals' own environment, see Makefile

Each tool searches in a fresh process whose data are bounded by RLIMIT_DATA at the limit: a request
that goes too far fails with an exception, which is what they look for. Their answers are then
trained at like ours. batch-finder makes its inputs up from shapes and knows no loss: it is given
models with one tensor of floats; elsewhere it does not apply.
"""

import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cases import LARGEST, Case, Rows, asked
from epoch import ENVIRONMENT, load
from ours import answers as our_answers
from ours import check, checks

TIMEOUT_SECONDS = 1800
_SHAPES = {"cnn": (-1, 3, 64, 64), "resnet": (-1, 3, 64, 64), "unet": (-1, 3, 64, 64)}


def lightning(model_name: str, start: int) -> tuple[int | None, int]:
    """Lightning's BatchSizeFinder by bisection, without its ceiling of 8,192."""
    import lightning
    import torch
    from lightning.pytorch.tuner import Tuner
    from torch.utils.data import DataLoader

    work = load(model_name)
    steps: list[int] = []

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = work.model()
            self.batch_size = work.batch_size

        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            if not steps or steps[-1] != self.batch_size:
                steps.append(self.batch_size)
            return work.loss(self.net, batch)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return work.optimizer(self.parameters(), work.learning_rate)

        def train_dataloader(self) -> DataLoader:
            return DataLoader(
                work.train_data, self.batch_size, shuffle=True, collate_fn=work.collate
            )

    trainer = lightning.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    module = Module()
    found = Tuner(trainer).scale_batch_size(
        module, mode="binsearch", init_val=work.batch_size, max_trials=30, max_val=LARGEST
    )
    return found, len(steps)


def accelerate(model_name: str, start: int) -> tuple[int | None, int]:
    """accelerate's find_executable_batch_size, from a power of two well above our answer."""
    from accelerate.utils import find_executable_batch_size
    from torch.utils.data import DataLoader

    work = load(model_name)
    tried: list[int] = []

    @find_executable_batch_size(starting_batch_size=start)
    def fit(batch_size: int) -> int:
        tried.append(batch_size)
        model = work.model()
        optimizer = work.optimizer(model.parameters(), work.learning_rate)
        loader = iter(
            DataLoader(work.train_data, batch_size, shuffle=True, collate_fn=work.collate)
        )
        for _ in range(3):
            optimizer.zero_grad()
            work.loss(model, next(loader)).backward()
            optimizer.step()
        return batch_size

    return fit(), len(tried)


def batch_finder(model_name: str, start: int) -> tuple[int | None, int]:
    """batch-finder as it comes: a spawned child per trial, counted by the models asked for."""
    from batch_finder import find_max_minibatch

    if model_name not in _SHAPES:
        return None, 0
    with tempfile.NamedTemporaryFile() as log:
        found = find_max_minibatch(
            functools.partial(_counted_model, model_name, log.name),
            input_shapes=_SHAPES[model_name],
        )
        trials = Path(log.name).stat().st_size
    if isinstance(found, tuple):
        found = found[0]
    return found, trials


def _counted_model(model_name: str, log: str) -> Any:
    with Path(log).open("a") as file:
        file.write("x")
    return load(model_name).model()


TOOLS: dict[str, Callable[[str, int], tuple[int | None, int]]] = {
    "lightning": lightning,
    "accelerate": accelerate,
    "batch-finder": batch_finder,
}


def search(tool: str, case: Case, start: int) -> dict[str, Any]:
    """One tool's answer, from a fresh process."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (case.limit_bytes, case.limit_bytes))

    begin = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:  # some leave files where they run
            done = subprocess.run(
                [sys.executable, str(Path(__file__).resolve()), "--search", tool, case.model,
                 str(start)],
                capture_output=True, text=True, preexec_fn=bound, timeout=TIMEOUT_SECONDS,
                cwd=folder, env={**os.environ, **ENVIRONMENT}, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"answer": None, "trials": 0, "seconds": TIMEOUT_SECONDS, "how": "timeout"}
    seconds = time.monotonic() - begin
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        return {"answer": None, "trials": 0, "seconds": seconds, "how": last[:120]}
    return {**json.loads(lines[-1]), "seconds": seconds, "how": "answered"}


def answers() -> Rows:
    """What the rivals answered."""
    return Rows("rivals", "tool", "case", "answer", "trials", "seconds", "how")


def main() -> None:
    kept, ours = answers(), our_answers()
    for case in asked(sys.argv[1:]):
        largest = [int(row["largest"]) for row in ours.of(case=case.name)]
        start = 1 << int(1.25 * max(largest, default=LARGEST)).bit_length()
        for tool in TOOLS:
            if not kept.of(case=case.name, tool=tool):
                told = search(tool, case, start)
                kept.add(
                    tool, case.name, told["answer"], told["trials"], f"{told['seconds']:.1f}",
                    told["how"],
                )  # fmt: skip
            found = kept.of(case=case.name, tool=tool)[0]["answer"]
            if found != "None":
                check(case, int(found), 1, checks(tool))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        size, trials = TOOLS[sys.argv[2]](sys.argv[3], int(sys.argv[4]))
        print(json.dumps({"answer": size, "trials": trials}))
    else:
        main()
