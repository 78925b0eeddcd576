"""How a programme ends, or all of it: open cases handed on, data destroyed, a certificate, a word to the public."""
