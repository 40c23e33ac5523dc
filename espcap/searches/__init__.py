"""Searches of a store: prepared queries, pages, summaries, and selections of packets."""
