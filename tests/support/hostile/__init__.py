"""Captures that are damaged, or made to do harm; each function writes one into a path and returns the path."""
