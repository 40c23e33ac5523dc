"""One run: reads sources, stores their packets, and reports the result."""
