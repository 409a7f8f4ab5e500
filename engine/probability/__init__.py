"""Chance: walks, waits and counts."""
