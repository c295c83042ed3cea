"""Pure functions on numbers: memory, speed, noise, convergence, learning rate, statistics."""
