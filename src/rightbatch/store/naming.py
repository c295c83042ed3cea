"""Names of studies: unique in a store and safe as file names."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from itertools import count

from rightbatch.errors import StudyNotFound

_LONGEST = 60


def file_name_safe(text: str) -> str:
    """The text in letters, digits, ".", "_" and "-"; "study" where nothing is left of it."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_text)[:_LONGEST].strip(".-_") or "study"


def unique_name(name: str, title: str, taken: Collection[str]) -> str:
    """A name for a new study.

    Args:
        name: The name requested; kept if it is safe and free.
        title: Title of the workload, numbered if no name is given.
        taken: Names in use.
    """
    wanted = file_name_safe(name or title)
    if name and wanted not in taken:
        return wanted
    stem = re.sub(r"-\d+$", "", wanted) if name else wanted
    numbered = (f"{stem}-{number}" for number in count(1))
    return next(free for free in numbered if free not in taken)


def study_not_found(name: str, names: Sequence[str]) -> StudyNotFound:
    """The error for a name that is not among `names` (oldest first)."""
    if not names:
        return StudyNotFound(
            f"There is no study {name!r}: the store is empty; name another with `store`."
        )
    if close := get_close_matches(name, names, n=3, cutoff=0.5):
        return StudyNotFound(f"There is no study {name!r}; did you mean {' or '.join(close)}?")
    return StudyNotFound(f"There is no study {name!r}; the newest is {names[-1]}.")
