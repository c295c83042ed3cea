"""One module per kind of probe, blind to frameworks."""
