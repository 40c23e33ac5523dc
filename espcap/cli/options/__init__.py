"""The options and arguments of the commands: a dataclass for each command, each field of which is one option."""
