"""One package per framework: turns a workload into a Subject."""
