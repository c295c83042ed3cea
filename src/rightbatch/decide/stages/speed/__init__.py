"""What a step takes and costs: fit, step time at any batch size, what to time."""
