"""Finds and runs Wireshark's programs, and reports how they ended. No other room starts them."""
