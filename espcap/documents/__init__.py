"""Builds the document of a packet from its record."""
