"""The rules: policy, gate, sign-offs, errors, and the contracts of every file that crosses rooms."""
