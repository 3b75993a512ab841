"""Clients and test suites of others, in an environment of their own, let loose on a running installation."""
