"""Data of the built-in workloads: installed, cached, or downloaded by `rightbatch fetch`."""
