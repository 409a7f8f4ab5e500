"""What every page is made of: the one place that knows Gradio's quirks, and the only home of JavaScript and CSS."""

from pages.shell.lab import Lab, Page, Preset, View
from pages.shell.text import T, grouped

__all__ = ["Lab", "Page", "Preset", "T", "View", "grouped"]
