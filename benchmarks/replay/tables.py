"""Tables in Markdown."""

from rightbatch.report.table import Table


def markdown(title: str, table: Table) -> list[str]:
    """A table under its title."""
    rows = ["| " + " | ".join(cells) + " |" for cells in (table.head, *table.rows)]
    return [f"## {title}", "", rows[0], "|" + "---|" * len(table.head), *rows[1:], ""]
