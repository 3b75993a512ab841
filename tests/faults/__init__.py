"""Faults: a workload, a nemesis and one checker that reads what all of them left behind."""
