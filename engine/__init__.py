"""All that Orrery computes. It never imports a user interface."""
