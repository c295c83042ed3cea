"""Room for growing the batch inside a training loop."""
