"""Small decoders that differ in their position encoding alone: `models.SmallModel`, one for each of `models.ENCODINGS`.

`frequencies` has the rates of rotary positions, `measure` what positions do to the loss of these models and of the
embedded one, `record` what was recorded of it, `train` the recipe, `python -m engine train position-models`.
"""
