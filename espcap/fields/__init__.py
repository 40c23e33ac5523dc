"""Wireshark's fields and protocols: the registry, the kinds of values, and the roles of protocols. Runs no program."""
