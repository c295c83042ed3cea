"""One package per framework: it makes a Subject of a workload."""
