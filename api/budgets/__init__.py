"""Budgets: set, shown and removed by operators, shown to whom they bind."""
