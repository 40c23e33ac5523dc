"""Records captures of real servers and clients. Each function with the argument `path` writes one capture to it."""

import http.client
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from . import servers, web
from .network import CLIENT_IP, SERVER, SERVER_IP, SERVER_IP6, inside, recording, run

WEB_HOST, MAIL_HOST = "www.example.test", "mail.example.test"
HEADERS = {"Host": WEB_HOST, "User-Agent": "example-client/1.0", "Accept": "application/xml"}


def http_xml(path: Path) -> None:
    """HTTP on one connection: XML over several segments, chunked XML, an XML POST, a 404."""
    with recording(path, "tcp port 80"), web.http1(SERVER_IP, 80):
        connection = http.client.HTTPConnection(SERVER_IP)
        get(connection, "/catalog.xml")
        get(connection, "/chunked.xml")
        order = "<?xml version='1.0'?><order><item>7</item></order>"
        connection.request("POST", "/orders", order, {**HEADERS, "Content-Type": "text/xml"})
        connection.getresponse().read()
        get(connection, "/missing?id=404")
        connection.close()


def get(connection: http.client.HTTPConnection, target: str) -> None:
    connection.request("GET", target, headers=HEADERS)
    connection.getresponse().read()


def ipv6(path: Path) -> None:
    """IPv6: neighbour discovery, an echo, and HTTP on TCP."""
    with recording(path, "icmp6 or tcp"), web.http1(SERVER_IP6, 80):
        # Wait until the server has joined its multicast group. Otherwise the client sends its solicitation twice.
        time.sleep(1)
        run("ping", "-6", "-c", "1", SERVER_IP6)
        connection = http.client.HTTPConnection(SERVER_IP6, 80)
        get(connection, "/order.xml")
        connection.close()


def tls13(path: Path) -> None:
    """HTTP inside TLS 1.3. The key log is written to a file with the suffix .keys."""
    keys = path.with_suffix(".keys")
    keys.unlink(missing_ok=True)
    with recording(path, "tcp port 443"), certificate() as (cert, key):
        context = ssl.create_default_context(cafile=str(cert))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.keylog_filename = str(keys)
        with web.http1(SERVER_IP, 443, web.tls_context(cert, key)):
            connection = http.client.HTTPConnection(WEB_HOST)
            plain = socket.create_connection((SERVER_IP, 443))
            connection.sock = context.wrap_socket(plain, server_hostname=WEB_HOST)
            get(connection, "/order.xml")
            get(connection, "/missing")
            connection.close()


@contextmanager
def certificate() -> Iterator[tuple[Path, Path]]:
    """Yields the files of a self-signed certificate for WEB_HOST and of its key."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
        name = ["-subj", f"/CN={WEB_HOST}", "-addext", f"subjectAltName=DNS:{WEB_HOST}"]
        run("openssl", "req", "-x509", *kind, *name, "-keyout", key, "-out", cert)
        yield cert, key


def http2(path: Path) -> None:
    """HTTP/2 without TLS: two requests on one connection."""
    with recording(path, "tcp port 80"), web.http2(SERVER_IP, 80):
        web.http2_client(SERVER_IP, 80, WEB_HOST, ["/order.xml", "/missing"])


def quic(path: Path) -> None:
    """HTTP/3 over QUIC. The key log is written to a file with the suffix .keys."""
    keys = path.with_suffix(".keys")
    with (
        recording(path, "udp port 443"),
        certificate() as (cert, key),
        keys.open("w") as log,
        web.http3(SERVER_IP, cert, key),
    ):
        web.http3_client(SERVER_IP, WEB_HOST, cert, log)


def smtp(path: Path) -> None:
    """Two mails on one SMTP connection, the second with an attachment, and a recipient that the server rejects."""
    with_attachment = mail("With an attachment")
    with_attachment.add_attachment("a,b\n1,2\n", subtype="csv", filename="numbers.csv")
    with (
        recording(path, "tcp port 25"),
        servers.mail(SERVER_IP, MAIL_HOST),
        smtplib.SMTP(SERVER_IP, 25, local_hostname="client.example.test") as client,
    ):
        client.send_message(mail("Plain text"))
        client.send_message(with_attachment)
        client.mail("sender@example.test")
        client.rcpt("nobody@example.test")


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "sender@example.test", "receiver@example.test"
    message["Subject"], message["Date"] = subject, "Wed, 01 May 2024 10:00:00 +0000"
    message.set_content("First line.\n.Line with a leading dot.\n")
    return message


def dns(path: Path) -> None:
    """DNS over UDP and TCP: many answers, AAAA, TXT, CNAME and MX records, NXDOMAIN."""
    with recording(path, "port 53"), servers.names(SERVER_IP):
        for name, kind in servers.QUESTIONS:
            servers.ask(SERVER_IP, name, kind, tcp=False)
        servers.ask(SERVER_IP, "many.example.test", "A", tcp=True)


def icmp(path: Path) -> None:
    """Echo requests and replies, and the port-unreachable errors for two UDP packets."""
    with recording(path, "icmp or udp"):
        run("ping", "-c", "2", "-i", "0.2", SERVER_IP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("", 40000))
            for port in (40001, 40002):
                sock.sendto(b"nobody listens here", (SERVER_IP, port))


def arp(path: Path) -> None:
    """ARP requests and replies, a gratuitous one, and a request without a reply."""
    with recording(path, "arp"):
        subprocess.run(["arping", "-q", "-c", "2", "-I", "eth0", SERVER_IP], check=True)
        subprocess.run(["arping", "-q", "-U", "-c", "1", "-I", "eth0", CLIENT_IP], check=False)
        nobody = ["arping", "-q", "-c", "1", "-w", "1", "-I", "eth0", "192.0.2.99"]
        subprocess.run(nobody, check=False)


def dhcp(path: Path) -> None:
    """A DHCP lease: discover, offer, request and acknowledgement."""
    options = ["-C", "/dev/null", "--port=0", "--no-ping", "--leasefile-ro", "--no-hosts"]
    network = ["--dhcp-range=192.0.2.50,192.0.2.59,1h", "--domain=example.test"]
    with recording(path, "udp port 67 or udp port 68"):
        with inside(SERVER):
            server = subprocess.Popen(["dnsmasq", "--keep-in-foreground", *options, *network])
        time.sleep(0.5)
        try:
            client = ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"]
            run(*client, "-x", "hostname:client")
        finally:
            server.terminate()
            server.wait()


def nanoseconds(path: Path) -> None:
    """Twenty UDP packets a few microseconds apart, with times in nanoseconds."""
    with recording(path, "udp"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 40000))
        for number in range(20):
            sock.sendto(b"packet %d" % number, (SERVER_IP, 40001))
