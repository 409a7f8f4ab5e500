"""Small decoders that differ in their position encoding alone: `models.SmallModel`, one for each of `models.ENCODINGS`.

Their recipe, `python -m engine train position-models`, and what is measured on them belong to the lab that reads them.
"""
