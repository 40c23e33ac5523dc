"""Packets, dissected by Wireshark's own dissectors, as searchable JSON documents."""


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is wanted: that takes longer than most of a start."""
    if name == "__version__":
        from importlib.metadata import version

        return version("espcap")
    raise AttributeError(name)
