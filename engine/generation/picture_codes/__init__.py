"""Embedded autoencoders that read pictures as pages of integers and paint them back, a prior over such pages, their recipe.

    model = models.autoencoder(8)                       # for cells of 8 × 8 pixels, with codebooks of 64 to 1024 codes
    page = coding.read(model, pixels, 256)              # the picture's integers, and what the decoder makes of them
    coding.paint(model, page.codes, 256)                # any page as a picture

Trained by `python -m engine train vq-vae`; what was reached is in their `meta.json`.
"""
