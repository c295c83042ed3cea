"""One module per kind of probe, independent of frameworks."""
