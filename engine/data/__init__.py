"""The worlds that the labs learn from."""
