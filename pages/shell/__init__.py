"""What every page is made of: the one place that knows Gradio's quirks, and the only home of JavaScript and CSS."""

from engine.core.words import T
from pages.shell.lab import Lab, Page, Picture, Preset, View
from pages.shell.lesson import Choice, Curve, Number, Place, Step

__all__ = ["Choice", "Curve", "Lab", "Number", "Page", "Picture", "Place", "Preset", "Step", "T", "View"]
