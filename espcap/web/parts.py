"""What the page is made of."""

from dataclasses import dataclass

from espcap.tshark.program import User
from espcap.web.dissector import Dissector
from espcap.web.readers import Readers
from espcap.web.uploads import Uploads


@dataclass(frozen=True)
class Parts:
    """What answers."""

    node: str
    """What the store is and where."""
    readers: Readers
    slow_readers: Readers
    """Asked for what may take minutes."""
    dissector: Dissector
    uploads: Uploads
    user: User | None
    """As whom tshark runs."""
    folders: tuple[str, ...]
    """Folders with captures that have moved."""

    def close(self) -> None:
        """Waits for what is under way."""
        for part in (self.readers, self.slow_readers, self.dissector, self.uploads):
            part.close()
