"""What is compared: the contenders, how they are planned, searched and fitted."""
