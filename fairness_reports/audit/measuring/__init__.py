"""Figures with intervals: tallies, measures, disparities, findings."""
