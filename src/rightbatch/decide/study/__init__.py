"""The state of a study, its trials by kind, and the batch sizes it considers."""
