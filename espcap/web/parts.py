"""The objects that the endpoints of the page use."""

from dataclasses import dataclass

from espcap.tshark.program import User
from espcap.web.dissector import Dissector
from espcap.web.searchers import SearcherPool
from espcap.web.uploads import Uploads


@dataclass(frozen=True)
class Parts:
    """The objects that the endpoints use."""

    node: str
    """Kind and address of the store, for the user."""
    searchers: SearcherPool
    slow_searchers: SearcherPool
    """For searches that can take minutes."""
    dissector: Dissector
    uploads: Uploads
    user: User | None
    """The user that tshark runs as; None for that of espcap."""
    folders: tuple[str, ...]
    """Folders with captures that were moved."""

    def close(self) -> None:
        """Waits for running requests and closes all parts."""
        for part in (self.searchers, self.slow_searchers, self.dissector, self.uploads):
            part.close()
