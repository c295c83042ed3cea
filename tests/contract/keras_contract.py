"""The contract of every Subject on a backend of Keras, which has one backend in a process."""

import os
import subprocess
import sys
from pathlib import Path

import needs

HERE = Path(__file__).parent
CONTRACTS = {
    "every subject": ("test_subject_contract",),
    "every backend": ("keras_behaviour", "keras_data", "keras_devices", "keras_optimizers"),
}


def keeps_the_contract(backend, contract, cache):
    """Run one of them in a process of the backend; `cache` is a folder for what JAX compiles."""
    needs.libraries("keras", backend)
    variables = {
        "RIGHTBATCH_TEST_FRAMEWORKS": f"keras-{backend}",
        "KERAS_BACKEND": backend,
        "JAX_COMPILATION_CACHE_DIR": str(cache),  # the tests compile the same few steps
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    files = [HERE / f"{name}.py" for name in CONTRACTS[contract]]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
