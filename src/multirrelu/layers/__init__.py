"""Native layers, one small file for each framework."""
