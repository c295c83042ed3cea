"""The loop and the verbs: where the two wings of the house meet."""
