"""A PyTorch workload from a training loop that an Accelerator prepared."""
