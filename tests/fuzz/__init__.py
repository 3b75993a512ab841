"""A fuzzer for all that comes from outside: what an upstream answers, and what a client sends.

`./verbatim test --fuzz N --seed S` runs N of each against a whole stack of its own; the gate runs 300 of each.
"""
