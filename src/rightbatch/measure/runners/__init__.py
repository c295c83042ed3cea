"""Ways to carry out a probe: here in a child process."""
