"""A PyTorch workload from a Transformers Trainer, and TrainingArguments from advice."""
