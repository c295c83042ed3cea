"""A PyTorch workload from a LightningModule and its data."""
