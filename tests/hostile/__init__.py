"""Attacks on the program: what no user means, made by script with fixed seeds."""
