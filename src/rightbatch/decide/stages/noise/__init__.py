"""The gradient noise scale: fit, and what to measure."""
