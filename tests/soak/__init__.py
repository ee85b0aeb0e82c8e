"""Endurance: faults of every kind for as long as one likes, and what must hold all the while."""
