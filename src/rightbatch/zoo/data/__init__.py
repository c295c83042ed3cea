"""Real data of the built-in workloads: installed, cached, or brought by `rightbatch fetch`."""
