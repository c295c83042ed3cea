"""The measuring wing: turns a Probe into a Trial."""
