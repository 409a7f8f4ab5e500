"""What every page is made of: the one place that knows Gradio's quirks, and the only home of JavaScript and CSS."""

from engine.core.words import T
from pages.shell.lab import Lab, Page, Preset, View

__all__ = ["Lab", "Page", "Preset", "T", "View"]
