"""Where the recorded studies are."""

import os
import sys


def traces() -> str:
    """The folder that RIGHTBATCH_TRACES names; the script ends where it names none."""
    folder = os.environ.get("RIGHTBATCH_TRACES")
    if not folder:
        sys.exit(
            "RIGHTBATCH_TRACES is not set; let it name a folder of published studies, each with "
            "study.json, training.csv and speed.csv."
        )
    return folder
