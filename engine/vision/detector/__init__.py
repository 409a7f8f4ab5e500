"""The embedded detector, which three labs look through: its architecture, its set loss, its training, its judging.

detector = model.load()
seen = detector.detect(pixels)      # (H, W, 3) uint8: what every layer made of it
"""
