"""rightbatch: which batch size to train with, measured on your own model, data and hardware."""

__version__ = "0.1.0"
