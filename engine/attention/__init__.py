"""Ways of attending, and what they cost."""
