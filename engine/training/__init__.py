"""Adapting and training networks."""
