"""Models that draw."""
