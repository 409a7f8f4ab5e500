"""Slopes, curvature and sums."""
