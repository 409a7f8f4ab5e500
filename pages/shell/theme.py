"""Gradio's theme, each value a token of the look, so that Gradio's own parts follow the page's light and dark."""

from __future__ import annotations

from gradio.themes import Base

TOKENS = {
    "body_background_fill": "var(--paper)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--ink-3)",
    "background_fill_primary": "var(--surface)",
    "background_fill_secondary": "var(--sunken)",
    "block_background_fill": "transparent",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_padding": "0px",
    "block_title_text_color": "var(--ink-2)",
    "block_label_background_fill": "transparent",
    "border_color_primary": "var(--hairline)",
    "border_color_accent": "var(--brass)",
    "color_accent": "var(--brass)",
    "color_accent_soft": "var(--brass-wash)",
    "input_background_fill": "transparent",
    "input_border_color": "var(--hairline)",
    "slider_color": "var(--brass)",
    "link_text_color": "var(--brass)",
    "button_secondary_background_fill": "transparent",
    "button_secondary_text_color": "var(--ink-2)",
    "button_secondary_border_color": "var(--hairline)",
}
WITHOUT_DARK = {"color_accent", "block_padding"}


def orrery() -> Base:
    """The theme: no fonts from elsewhere, no colours but the tokens."""
    theme = Base(font=["ui-sans-serif", "system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    dark = {f"{name}_dark": value for name, value in TOKENS.items() if name not in WITHOUT_DARK}
    return theme.set(**TOKENS, **dark, layout_gap="16px", form_gap_width="0px")
