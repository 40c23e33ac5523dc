"""What the page is made of."""

from dataclasses import dataclass

from espcap.tshark.program import User
from espcap.web.dissector import Dissector
from espcap.web.searchers import SearcherPool
from espcap.web.uploads import Uploads


@dataclass(frozen=True)
class Parts:
    """What answers."""

    node: str
    """What the store is and where."""
    searchers: SearcherPool
    slow_searchers: SearcherPool
    """Asked for what may take minutes."""
    dissector: Dissector
    uploads: Uploads
    user: User | None
    """As whom tshark runs."""
    folders: tuple[str, ...]
    """Folders with captures that have moved."""

    def close(self) -> None:
        """Waits for what is under way."""
        for part in (self.searchers, self.slow_searchers, self.dissector, self.uploads):
            part.close()
