"""Read text files, with one clear sentence if one cannot be read."""

from pathlib import Path

from rightbatch.errors import StoreError


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        StoreError: It cannot be read; the message names the file.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StoreError(f"{path} cannot be read ({cause}); check the file.") from None
