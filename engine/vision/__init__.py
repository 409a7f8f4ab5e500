"""Models that see, and how they are judged."""
