"""From a Transformers Trainer to a PyTorch workload, and from advice to TrainingArguments."""
