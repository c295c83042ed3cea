"""Trials -> Fits -> Advice, and the numbers behind each reason."""
