"""The command fetch: download data of the built-in workloads."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from rightbatch.cli.output import console, print_json
from rightbatch.errors import MissingData, MissingDependency, UsageError

if TYPE_CHECKING:
    from rightbatch.zoo.data.sets import DataSet


def fetch_data(names: Sequence[str], json: bool) -> None:
    """Download data sets that are not here yet, and print the folder of each.

    One that fails does not keep the others from being downloaded.

    Raises:
        UsageError: There is no data set of that name.
        MissingData: At least one could not be downloaded.
        MissingDependency: A library of the built-in workloads is not installed.
    """
    try:
        from rightbatch.zoo.data.sets import DATA_SETS
    except ModuleNotFoundError as error:
        raise MissingDependency.of_zoo("rightbatch fetch", error) from error
    for name in names:
        if name not in DATA_SETS:
            near = difflib.get_close_matches(name, DATA_SETS) or sorted(DATA_SETS)
            raise UsageError(f"There is no data set {name!r}; use {', '.join(near)}.")
    wanted = dict.fromkeys(names or DATA_SETS)
    terminal, remarks = console(), console(stderr=True)
    rows: list[dict[str, str | None]] = []
    failed: dict[str, UsageError] = {}
    for name in wanted:
        try:
            folder = _fetch(DATA_SETS[name], remarks)
        except (MissingData, MissingDependency) as error:
            failed[name] = error
            rows.append({"name": name, "folder": None, "folder_reason": str(error)})
            if len(wanted) > 1:
                remarks.print(f"rightbatch: {error}", soft_wrap=True)
            continue
        rows.append({"name": name, "folder": str(folder)})
        if not json:
            terminal.print(f"{name}: {folder}", soft_wrap=True)
    if json:
        print_json({"schema": "rightbatch/data/1", "results": rows})
    if failed and len(wanted) == 1:
        raise failed.popitem()[1]
    if failed:
        raise MissingData(
            f"{len(failed)} of {len(wanted)} data sets could not be downloaded "
            f"({', '.join(failed)}); see above for the reasons."
        )


def _fetch(data: "DataSet", remarks: Console) -> Path:
    """Fetch one data set; a download shows a bar on a terminal, else prints one line."""
    if found := data.find():
        return found
    if not remarks.is_terminal:
        size = f" (about {data.megabytes} MB)" if data.megabytes else ""
        remarks.print(f"rightbatch: downloading {data.name}{size}", soft_wrap=True)
        return data.fetch()
    with _Arriving(data, remarks):
        return data.fetch()


class _Arriving(Progress):
    """A progress bar of a download.

    Args:
        data: The data set.
        console: Where to draw.
    """

    def __init__(self, data: "DataSet", console: Console) -> None:
        self._data = data
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self.add_task(f"Downloading {data.name}", total=data.megabytes * 1e6 or None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, updated."""
        for task in self.tasks:
            arrived = self._data.arrived()
            self.update(task.id, completed=min(arrived, task.total or arrived))
        return super().get_renderables()
