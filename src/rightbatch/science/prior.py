"""Priors on learning rates and on deviations from a curve.

Shared by the race over candidates (`relative_cost`) and the response surface (`response`).
"""

RATE_MEANS = (-0.1, 0.12)
"""Means of the linear and quadratic coefficients of log cost per octave of learning rate away from
the scaling rule: a factor of two from the best costs about 12%, a factor of four about 60%, and
users' learning rates are more often too low than too high."""
RATE_SDS = (0.35, 0.06, 0.10)
"""Standard deviations of both, and of their interaction with octaves of batch size."""
SIZE_LENGTH, RATE_LENGTH = 1.5, 1.0
"""Length scales of deviations from the curve, in octaves of batch size and of learning rate."""
