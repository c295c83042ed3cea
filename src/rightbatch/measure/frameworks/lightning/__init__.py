"""From a LightningModule and its data to a PyTorch workload."""
