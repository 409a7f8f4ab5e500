"""Small language models and how they decode."""
