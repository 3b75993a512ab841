"""A stream application whose handler does what its records say; run in processes of its own by the tests."""
