"""Compiled loops over plain arrays: what they do, sums, the look ahead, tallies."""
