"""How sure a figure is: score tests, when a group fails, power, visible gaps, strength borrowed from the others."""
