"""Findings: disparities, explanations and proxies, each with its interval and group size."""
