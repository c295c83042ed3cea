"""The store of studies."""

from rightbatch.store.base import Store
from rightbatch.store.sql import open_store

__all__ = ["Store", "open_store"]
