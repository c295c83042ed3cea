"""What comes from others moves no cursor, changes no colour and leads out of no folder."""

import json

import pytest

from rightbatch.cli.output import console, print_json
from rightbatch.printable import file_name, printable

HOSTILE = "a\x1b]0;title\x07b\x1b[31mred\x9b2J\u202egnp.exe\u2066x\x7f\r\x00c"


def test_control_characters_are_shown_as_escapes():
    assert printable("\x1b[31mred") == "\\x1b[31mred"
    assert printable("\u202egnp\x9b") == "\\u202egnp\\x9b"
    assert printable("half \ud800") == "half \\ud800"
    assert (
        printable("two\nlines\tand a tab, \u00e9\u6f22\u200d")
        == "two\nlines\tand a tab, \u00e9\u6f22\u200d"
    )


def test_a_console_prints_no_control_character_of_a_text(capsys):
    from rich.table import Table

    table = Table("name")
    table.add_row(HOSTILE)
    console().print(HOSTILE)
    console().print(table)
    console(stderr=True).print(HOSTILE, soft_wrap=True)
    out, err = capsys.readouterr()
    for text in (out, err):
        assert "red" in text
        assert printable(text) == text


def test_json_escapes_what_a_terminal_would_obey_and_reads_back(capsys):
    print_json({"title": HOSTILE, "half": "\ud800", "plain": "\u00e9"})
    out = capsys.readouterr().out
    assert printable(out) == out
    assert "\u00e9" in out
    assert json.loads(out) == {"title": HOSTILE, "half": "\ud800", "plain": "\u00e9"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("digits-1", "digits-1"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (".hidden", "hidden"),
        ("..", "_"),
        ("a b\x00\x1bc", "a_b_c"),
        ("x" * 400, "x" * 100),
    ],
)
def test_a_name_becomes_one_visible_part_of_a_path(name, safe):
    assert file_name(name) == safe
