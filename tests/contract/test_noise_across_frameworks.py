"""The gradient noise scale of one model is the same in PyTorch and in Keras on each backend."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import needs
from rightbatch.science.noise import noise_scale

SCRIPT = Path(__file__).with_name("keras_noise.py")
STEPS = (0, 30, 100)


def scales(framework, backend, cache):
    """The noise scale at each checkpoint, over five seeds, with its interval."""
    variables = {
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(SCRIPT.parents[1]),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        [sys.executable, SCRIPT, framework],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    norms = np.array(json.loads(done.stdout.splitlines()[-1]))  # seed, checkpoint, small or large
    return [noise_scale(norms[:, at, 0], norms[:, at, 1], 8, 128) for at in range(len(STEPS))]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "backends", [("tensorflow",), pytest.param(("tensorflow", "jax"), marks=pytest.mark.long)]
)
def test_noise_scales_agree_within_their_intervals(backends, tmp_path):
    needs.libraries("keras", *backends)
    told = {"PyTorch": scales("torch", "torch", tmp_path)}
    told |= {backend: scales("keras", backend, tmp_path) for backend in backends}
    for at, step in enumerate(STEPS):
        row = {name: found[at] for name, found in told.items()}
        print(step, {n: f"{e.value:.0f} ({e.low:.0f} to {e.high:.0f})" for n, e in row.items()})
        for one, other in combinations(row.values(), 2):
            assert one.low < other.high
            assert other.low < one.high
        for estimate in row.values():
            assert estimate.high < 3 * estimate.low
