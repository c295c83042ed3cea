"""Built-in workloads on the command line: listed, fetched, missing data told, tuned end to end."""

import pytest
from command_line import in_process, measured

import needs
from rightbatch.zoo import ZOO
from rightbatch.zoo.data.sets import DIAMONDS


def test_every_workload_is_listed(tmp_path):
    done = in_process("list", "workloads", "--json", folder=tmp_path)
    assert done.code == 0, done.err
    assert [row["name"] for row in done.json["results"]] == list(ZOO)


def test_missing_data_are_told_in_one_sentence_with_what_brings_them(tmp_path, monkeypatch):
    monkeypatch.setenv("RIGHTBATCH_DATA", str(tmp_path / "empty"))
    done = in_process("tune", "language-model", "--budget", "20s", folder=tmp_path)
    assert done.code == 2
    assert done.err == (
        "rightbatch: Jane Austen's novels are not on this machine; download them with: "
        "rightbatch fetch novels\n"
    )


def test_a_data_set_of_another_name_is_refused_with_the_names_there_are(tmp_path):
    done = in_process("fetch", "novel", folder=tmp_path)
    assert done.code == 2
    assert done.err == "rightbatch: There is no data set 'novel'; use novels.\n"


@pytest.mark.slow
@pytest.mark.long
def test_diamonds_are_tuned_end_to_end(tmp_path):
    needs.data(DIAMONDS)
    done, _ = measured("tune", "diamonds", budgets=(25, 75), folder=tmp_path)
    told = done.json
    assert told["batch_size"] in told["near_optimal"]
    assert told["reference"]["batch_size"] == 64
    assert told["noise_scale"]["value"] > 0
