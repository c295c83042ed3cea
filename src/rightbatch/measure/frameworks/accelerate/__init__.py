"""From what an Accelerator prepared to a PyTorch workload."""
