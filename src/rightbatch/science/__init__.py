"""Pure functions of numbers: memory, speed, noise, convergence, learning rate, statistics."""
