"""The command fetch: data of the built-in workloads."""

import difflib
from collections.abc import Sequence

from rightbatch.cli.output import console, print_json
from rightbatch.errors import MissingDependency, UsageError


def fetch_data(names: Sequence[str], json: bool) -> None:
    """Bring data sets that are not here yet, and tell where each lies.

    Raises:
        UsageError: There are none of that name.
        MissingDependency: What the built-in workloads need is not installed.
    """
    try:
        from rightbatch.zoo.data.sets import DATA_SETS
    except ModuleNotFoundError as error:
        raise MissingDependency.of_zoo("rightbatch fetch", error) from error
    for name in names:
        if name not in DATA_SETS:
            near = difflib.get_close_matches(name, DATA_SETS) or sorted(DATA_SETS)
            raise UsageError(f"There are no data called {name!r}; there are {', '.join(near)}.")
    rows = [{"name": name, "folder": str(DATA_SETS[name].fetch())} for name in names or DATA_SETS]
    if json:
        print_json({"schema": "rightbatch/data/1", "results": rows})
        return
    terminal = console()
    for row in rows:
        terminal.print(f"{row['name']}: {row['folder']}", soft_wrap=True)
