"""Verification of drafted tokens: one text at a time (`reference`), or a batch by any backend (`operator.verify`).

Sources: Leviathan, Kalman & Matias 2023; Chen et al. 2023. Torch is imported only with the operator.
"""
