"""What is believed before any run of learning rates and of deviations from a curve.

The race over candidates (`relative_cost`) and the surface of an advice (`response`) read it here.
"""

RATE_MEANS = (-0.1, 0.12)
"""Log cost that an octave of learning rate from the scaling rule's adds, and its square: a factor
two from the best is taken to cost about 12%, a factor four about 60%, and users' rates to be low
more often than high."""
RATE_SDS = (0.35, 0.06, 0.10)
"""Standard deviations of these, and of what the octave adds for each octave of batch size."""
SIZE_LENGTH, RATE_LENGTH = 1.5, 1.0
"""Octaves of batch size and of learning rate over which deviations from the curve vary."""
