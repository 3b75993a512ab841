"""The command line: one module per command group. These modules are composition roots."""
