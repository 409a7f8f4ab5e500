"""Lab pages of this chapter."""
