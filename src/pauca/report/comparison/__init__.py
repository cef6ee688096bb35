"""Strategies weighed against each other: ranks, penalties, savings, factors, what was asked for."""
