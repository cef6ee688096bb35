"""Labelling real data: a folder that holds a pool, its answers, and a model that chooses."""
