"""Ready workloads on real data, one per task family."""
