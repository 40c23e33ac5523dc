"""The local index: a store in a folder of this machine, without a server."""
