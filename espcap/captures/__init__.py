"""Capture files: finds, reads, rewrites and watches them."""
