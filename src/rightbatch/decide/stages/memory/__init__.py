"""What fits in memory: trials, fit, search, accumulation, prediction."""
