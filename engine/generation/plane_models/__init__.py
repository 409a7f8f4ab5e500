"""Worlds in the plane of which all is known: mixtures of Gaussians, drawn ones too, their judge, a network that learns them.

    world = mixtures.lobes()                            # or drawing.drawn(text)
    world.epsilon(x, alpha_bar, labels)                 # what the best network would say, exactly
    judging.PlaneJudge(world, world).accuracy(samples, labels)
    *_, last = network.train(world)                     # a network that has seen samples alone: last.network.epsilon

As `image_models` gives for pictures: points are (n, 2), x_t = √ᾱ x₀ + √(1−ᾱ) ε.
"""
