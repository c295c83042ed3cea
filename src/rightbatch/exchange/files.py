"""Export a study to a folder of plain files, and import it.

`trials.jsonl` holds everything: the study on the first line, and one trial on each further line.
The other files repeat the main part for spreadsheets and replays; a published study has only
these. All of it is data: reading a study runs none of its code.
"""

import json
from pathlib import Path

from rightbatch.errors import StoreError, StoreTooNew
from rightbatch.exchange.csv_export import plain_files
from rightbatch.exchange.csv_import import read_plain_files
from rightbatch.exchange.sound import check_sound
from rightbatch.exchange.text_files import parse_json, read_text
from rightbatch.files import write_text
from rightbatch.records import Recording, Study, Trial
from rightbatch.store.codec import dump, load

_TRIALS = "trials.jsonl"
_VERSION = 2
"""In version 1 the hardware was stored with the study; since version 2, with each trial."""


def export_study(recording: Recording, directory: Path) -> list[Path]:
    """Write a study as study.json, training.csv, speed.csv and trials.jsonl.

    Args:
        recording: The study with its trials.
        directory: Folder to write to, created if missing. An earlier export of the same study is
            replaced.

    Returns:
        The files written.

    Raises:
        StoreError: The folder holds something else, cannot be written, or there is nothing to
            export.
    """
    files = plain_files(recording) | {_TRIALS: _trial_lines(recording)}
    try:
        if directory.exists() and any(directory.iterdir()):
            _check_same_study(recording.study, directory)
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_text(directory / name, content)
    except OSError as error:
        raise StoreError(
            f"{directory} cannot be written to ({error.strerror}); name another folder."
        ) from None
    return [directory / name for name in files]


def import_study(directory: Path) -> Recording:
    """Read a study that `export_study` wrote, or a published one (without trials.jsonl).

    Raises:
        StoreError: A file is missing or malformed; the message names file and line.
        StoreTooNew: A newer version of rightbatch wrote it.
    """
    if not directory.is_dir():
        raise StoreError(f"{directory} is not a folder; name one that contains a study.json.")
    path = directory / _TRIALS
    recording = _read_trial_lines(path) if path.exists() else read_plain_files(directory)
    check_sound(recording, str(directory))
    return recording


def _check_same_study(study: Study, directory: Path) -> None:
    path = directory / _TRIALS
    try:
        there = _read_trial_lines(path).study if path.exists() else None
    except StoreError:
        there = None
    if there is None or (there.name, there.created) != (study.name, study.created):
        raise StoreError(
            f"{directory} is not empty and contains no earlier export of {study.name}; name an "
            "empty folder."
        )


def _trial_lines(recording: Recording) -> str:
    lines = [
        {"version": _VERSION, "study": dump(recording.study)},
        *map(dump, recording.trials),
    ]
    return "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)


def _read_trial_lines(path: Path) -> Recording:
    lines = read_text(path).split("\n")
    first = parse_json(lines[0], path, 1, f"{path}, line 1: this is not a trial")
    study, hardware = _study_of(first, path)
    trials: dict[int, Trial] = {}
    for line, text in enumerate(lines[1:], start=2):
        if not text.strip():
            continue
        data = parse_json(text, path, line, f"{path}, line {line}: this is not a trial")
        if hardware is not None and isinstance(data, dict):
            data.setdefault("hardware", hardware)
        try:
            trial = load(Trial, data)
        except StoreError as error:
            raise StoreError(f"{path}, line {line}: {error}") from None
        if trial.number in trials:
            raise StoreError(
                f"{path}, line {line}: the number of trial {trial.number} is taken; number each "
                "trial once."
            )
        trials[trial.number] = trial
    return Recording(study, tuple(trials[number] for number in sorted(trials)))


def _study_of(first: object, path: Path) -> tuple[Study, object]:
    """The study, and the hardware of all trials, which version 1 stored with it."""
    data = first if isinstance(first, dict) else {}
    version = data.get("version")
    if not isinstance(version, int):
        raise StoreError(
            f"{path}, line 1: this is not a study; the first line must hold the study."
        )
    if version > _VERSION:
        raise StoreTooNew(f"{path} was written by a newer rightbatch; update rightbatch.")
    try:
        return load(Study, data.get("study")), data["study"].get("hardware")
    except StoreError as error:
        raise StoreError(f"{path}, line 1: {error}") from None
