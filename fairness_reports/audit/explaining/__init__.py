"""What lies behind a figure: explanations, proxies, what data adds, linkage error."""
