"""Pulse: current figures of the installation for operators, without any content."""
