"""Comparisons of two ways of doing the same, in one process, as ratios."""
