"""Who it treats how: disparities, explanations, proxies, packs, records and impact."""
