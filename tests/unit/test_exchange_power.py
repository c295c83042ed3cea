"""Power goes out to speed.csv and comes back."""

import csv

import pytest
from recorded_fixture import study, write_files

from rightbatch.errors import StoreError
from rightbatch.exchange import export_study, import_study, read_recorded
from rightbatch.records import SpeedResult

SECONDS = {8: 0.1, 16: 0.15, 32: 0.25}
WATTS = {8: 90.5, 32: 140.0}
ARRIVALS = {size: [100] for size in SECONDS}


def power(recording):
    (result,) = (t.result for t in recording.trials if isinstance(t.result, SpeedResult))
    return dict(result.power_watts)


def test_recorded_power_is_read_exported_and_read_again(tmp_path):
    published = write_files(tmp_path / "published", study(SECONDS, ARRIVALS, power_watts=WATTS))
    recording = import_study(published)
    assert power(recording) == WATTS
    export_study(recording, tmp_path / "exported")
    with (tmp_path / "exported" / "speed.csv").open(newline="") as file:
        told = {int(row["batch_size"]): row["power_watts"] for row in csv.DictReader(file)}
    assert told == {8: "90.5", 16: "", 32: "140.0"}
    (tmp_path / "exported" / "trials.jsonl").unlink()
    assert power(import_study(tmp_path / "exported")) == WATTS


def test_without_power_there_is_no_column_of_it(tmp_path):
    published = write_files(tmp_path / "published", study(SECONDS, ARRIVALS))
    recording = import_study(published)
    assert power(recording) == {}
    export_study(recording, tmp_path / "exported")
    text = (tmp_path / "exported" / "speed.csv").read_text()
    assert text.startswith("batch_size,step_seconds\n")
    assert all(speed.power_watts is None for speed in read_recorded(tmp_path / "exported").speeds)


@pytest.mark.parametrize("watts", ["much", "-3", "nan"])
def test_what_is_no_power_is_refused_with_its_line(tmp_path, watts):
    published = write_files(tmp_path / "published", study({8: 0.1}, {8: [100]}))
    (published / "speed.csv").write_text(f"batch_size,step_seconds,power_watts\n8,0.1,{watts}\n")
    with pytest.raises(StoreError, match=rf"line 2: power_watts is '{watts}', which is not valid"):
        read_recorded(published)
