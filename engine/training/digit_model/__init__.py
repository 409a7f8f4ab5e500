"""A small transformer that reads handwritten digits upright, trained beforehand for others to adapt.

`digits`: the images, the network on them and its weights. `transformer`: a body whose linear maps are handed in, for any
network of Llama's kind. `train`: the recipe, `python -m engine train lora-digits`.
"""
