"""One module for each service, each with `send(town, post)`: what it saw, in its own shape."""
