"""What public bug reports of other systems did to this one, tried again: `python -m tests.trials` prints a table.

Numbers with F are faults that were found once, plain ones were right, J are what other judges found.
"""
