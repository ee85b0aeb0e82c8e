"""Drills: a lab, a workload, a fault plan and checks; run by one function, judged by another."""
