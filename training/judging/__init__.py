"""How good each is: figures at capacity, intervals, calibration, the recommendation."""
