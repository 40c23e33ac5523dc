"""Mail and DNS servers at the server's end of the cable."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dnslib  # type: ignore[import-untyped]
import dnslib.server  # type: ignore[import-untyped]
from aiosmtpd.controller import Controller

from .network import SERVER, inside


class MailHandler:
    """Accepts all mails except those to `nobody`."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return "250 Message accepted"


@contextmanager
def mail(address: str, name: str) -> Iterator[None]:
    controller = Controller(MailHandler(), address, 25, server_hostname=name, ident="example-server")
    with inside(SERVER):
        controller.start()
    try:
        yield
    finally:
        controller.stop()


MANY = "\n".join(f"many.example.test. 60 IN A 198.51.100.{n}" for n in range(1, 26))
ZONE = f"""
www.example.test. 300 IN A 192.0.2.2
www.example.test. 300 IN AAAA 2001:db8::2
example.test. 300 IN TXT "v=spf1 -all" "second string"
example.test. 300 IN MX 10 mail.example.test.
alias.example.test. 300 IN CNAME www.example.test.
{MANY}
"""
QUESTIONS = [
    ("www.example.test", "A"),
    ("www.example.test", "AAAA"),
    ("example.test", "TXT"),
    ("example.test", "MX"),
    ("alias.example.test", "CNAME"),
    ("many.example.test", "A"),
    ("missing.example.test", "A"),
]


class Zone:
    """Resolves the names of ZONE; answers NXDOMAIN for all others."""

    def __init__(self) -> None:
        self.records = dnslib.RR.fromZone(ZONE)

    def resolve(self, request: Any, handler: Any) -> Any:
        reply = request.reply()
        for record in self.records:
            if record.rname == request.q.qname and record.rtype == request.q.qtype:
                reply.add_answer(record)
        if not reply.rr:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        return reply


@contextmanager
def names(address: str) -> Iterator[None]:
    options = {"address": address, "port": 53, "logger": dnslib.server.DNSLogger("-request,-reply")}
    with inside(SERVER):
        udp, tcp = (dnslib.server.DNSServer(Zone(), tcp=tcp, **options) for tcp in (False, True))
    for server in (udp, tcp):
        server.start_thread()
    try:
        yield
    finally:
        for server in (udp, tcp):
            server.stop()
            server.server.server_close()


def ask(address: str, name: str, kind: str, tcp: bool) -> None:
    dnslib.DNSRecord.question(name, kind).send(address, 53, tcp=tcp, timeout=5)
