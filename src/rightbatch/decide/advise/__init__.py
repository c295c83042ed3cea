"""Fits to advice: the choice and what is to be said of it, as codes and numbers."""
