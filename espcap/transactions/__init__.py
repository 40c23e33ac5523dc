"""Transactions: requests with their answers. What they are in each protocol is declared in `protocols/`."""
