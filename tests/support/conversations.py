"""Packets of conversations as readers give their messages to flows and transactions, made by hand."""

from collections.abc import Sequence
from typing import Any

from espcap.base.times import SECOND
from espcap.dissection.messages import PacketMessages
from espcap.documents.packets import Document, Origin
from espcap.documents.types import FLOWS, TRANSACTIONS
from espcap.flows.table import FlowTable, Limits
from espcap.transactions.declaration import Declaration
from espcap.transactions.engine import Engine
from espcap.transactions.engine import Limits as EngineLimits
from espcap.transactions.follower import Follower, wanted_names

START = 1_700_000_000 * SECOND
CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 80)
SYN, SYN_ACK, ACK, FIN, RST = 0x02, 0x12, 0x10, 0x11, 0x04


class Conversation:
    """Makes the packets of connections, and follows them."""

    def __init__(
        self,
        declarations: Sequence[Declaration] = (),
        limits: Limits | None = None,
        engine_limits: EngineLimits | None = None,
    ) -> None:
        self.names = wanted_names(declarations)
        self._follower = Follower((FLOWS, TRANSACTIONS), self.names, declarations, Origin("c"))
        self._follower.table = FlowTable(limits or Limits())
        self._follower.engine = Engine(declarations, self.names, engine_limits)
        self.number = 0
        self.documents: list[Document] = []

    @property
    def follower(self) -> Follower:
        return self._follower

    def tcp(
        self,
        second: float,
        flags: int = ACK,
        *parts: tuple[str, dict[str, Any]],
        stream: int = 0,
        back: bool = False,
        analysis: dict[str, Any] | None = None,
    ) -> None:
        """A segment, with the parts of its tree above TCP: the layer and its values. `analysis` is that of TCP."""
        source, destination = (SERVER, CLIENT) if back else (CLIENT, SERVER)
        values = {"tcp.srcport": source[1], "tcp.dstport": destination[1], "tcp.stream": stream, "tcp.flags": flags}
        values |= {f"tcp.analysis.{name}": value for name, value in (analysis or {}).items()}
        ip = ("ip", {"ip.src": source[0], "ip.dst": destination[0], "ip.proto": 6})
        self.add(second, ip, ("tcp", values), *parts)

    def udp(self, second: float, *parts: tuple[str, dict[str, Any]], stream: int = 0, back: bool = False) -> None:
        client = CLIENT[0], CLIENT[1] + stream
        source, destination = (SERVER, client) if back else (client, SERVER)
        values = {"udp.srcport": source[1], "udp.dstport": destination[1]}
        ip = ("ip", {"ip.src": source[0], "ip.dst": destination[0], "ip.proto": 17})
        self.add(second, ip, ("udp", values), *parts)

    def add(self, second: float, *parts: tuple[str, dict[str, Any]], length: int = 100) -> None:
        """The next packet."""
        self.number += 1
        messages = [self._message(layer, values) for layer, values in parts]
        packet: PacketMessages = [self.number, START + round(second * SECOND), length, messages]
        self.documents += self._follower.add(packet)

    def _message(self, layer: str, values: dict[str, Any]) -> list[Any]:
        message: list[Any] = [self.names.index(layer), 0, 50]
        for name, value in values.items():
            for each in value if isinstance(value, list) else [value]:
                message += [self.names.index(name), 1, each]
        return message

    def finish(self) -> None:
        self.documents += self._follower.finish()

    def flows(self) -> list[dict[str, Any]]:
        return [each.source for each in self.documents if each.index.startswith("flows")]

    def transactions(self) -> list[dict[str, Any]]:
        return [each.source for each in self.documents if each.index.startswith("transactions")]
