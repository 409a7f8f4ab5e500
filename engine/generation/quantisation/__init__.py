"""Vector quantisation: the nearest code on CPU and GPU, codebooks that follow averages, gradients past a rounding, FSQ."""
