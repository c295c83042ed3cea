"""Where studies are kept: the store, and studies in and out of it as plain files."""

from rightbatch.store.base import Store
from rightbatch.store.exchange import export_study, import_study
from rightbatch.store.recorded import read_recorded
from rightbatch.store.sql import open_store

__all__ = ["Store", "export_study", "import_study", "open_store", "read_recorded"]
