"""A study so far: its situation, its trials by what they measured, the sizes it considers."""
