"""What is served: the BentoML service, the API, the guard before both."""
