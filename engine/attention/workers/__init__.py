"""Threads for attention on a CPU: a core takes whole tiles, or whole heads (`pool`)."""
