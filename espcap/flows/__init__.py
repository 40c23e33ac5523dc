"""Flows: what two hosts exchange, in both directions, with numbers of packets and bytes, times, and how it ended."""
