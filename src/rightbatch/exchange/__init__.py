"""Studies in and out as plain files: what we write, and what others published."""

from rightbatch.exchange.files import export_study, import_study
from rightbatch.exchange.recorded import read_recorded

__all__ = ["export_study", "import_study", "read_recorded"]
