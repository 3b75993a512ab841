"""Budgets: who may begin and go on, decided in the order of the topic `admissions`."""
