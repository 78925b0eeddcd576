"""One module for each service, each with `send_extract(town, post)`: what it saw, in its own shape."""
