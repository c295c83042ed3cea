"""Planners: what to measure next, when it is over, and what to conclude."""
