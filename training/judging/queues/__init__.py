"""Cases that wait: judged by when each order comes to them."""
