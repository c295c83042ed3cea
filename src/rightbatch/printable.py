"""Foreign text made safe: for a terminal, and as the name of a file."""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed; escape sequences
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"  # direction of text, line separators
    "\ud800-\udfff]"  # halves of surrogate pairs, which cannot be encoded
)
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 100


def printable(text: str) -> str:
    r"""A text whose control characters are shown as escapes, such as \x1b; lines and tabs stay.

    What comes from others (titles, goals, names of metrics, error messages) could otherwise move
    the cursor, change colours and titles, or show words in another order than they stand
    (CVE-2021-42574).
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def printable_json(text: str) -> str:
    r"""JSON in which the same characters are escaped as JSON does, such as \u001b."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def file_name(text: str) -> str:
    """A text as part of the name of a file: one part of a path, visible, not too long."""
    return _NOT_IN_NAMES.sub("_", text)[:_LONGEST_NAME].lstrip(".") or "_"
