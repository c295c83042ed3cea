"""Export and import studies as plain files, published ones included."""

from rightbatch.exchange.files import export_study, import_study
from rightbatch.exchange.recorded import read_recorded

__all__ = ["export_study", "import_study", "read_recorded"]
