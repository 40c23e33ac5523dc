"""Basics that all other rooms use: errors, paths, times, sizes, text for terminals, and sets of frame numbers."""
