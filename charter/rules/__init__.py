"""What the board decided, as rules: policy, questions, waivers, the gate."""
