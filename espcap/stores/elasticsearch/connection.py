"""The connection to Elasticsearch or Kibana: addresses, credentials, certificates, failures in words of the user."""

import base64
import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from elastic_transport import ConnectionError as NoConnection
from elastic_transport import (
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
    SerializationError,
    TextSerializer,
    TlsError,
    Transport,
    TransportError,
    Urllib3HttpNode,
)
from elasticsearch import ApiError, Elasticsearch

from espcap.base.errors import StoreError, UsageError

PRODUCT_HEADER = "x-elastic-product"
NOT_ELASTICSEARCH = "answers, but is not Elasticsearch"
TEMPORARY = frozenset([408, 429, 500, 502, 503, 504])
"""Statuses of a request that may fare better later."""


@dataclass(frozen=True)
class Connection:
    """How to reach a cluster. Its repr shows no secret.

    `nodes` are `host:port` or `http(s)://[user:password@]host[:port][/path]`; http and `port` where missing.
    `fingerprint` is the SHA-256 of the certificate in hexadecimal, `timeout` seconds for one request. `product` is at
    these addresses, which `option` names.
    """

    nodes: tuple[str, ...] = field(repr=False)
    ca_cert: Path | None = None
    fingerprint: str | None = None
    verify: bool = True
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 90.0
    product: str = "Elasticsearch"
    option: str = "--node"
    port: int = 9200

    @property
    def addresses(self) -> str:
        """The nodes' URLs without credentials, for messages."""
        return ", ".join(_public(_split(node), self.port) for node in self.nodes)


class CompatibleTransport(Transport):
    """Asks for the API of version 8, which servers 8 and 9 both speak; the client alone would ask 8 for that of 9."""

    def perform_request(self, method: str, target: str, *, headers: Any = None, **options: Any) -> Any:
        """As the parent's."""
        older = {
            name: value.replace("compatible-with=9", "compatible-with=8") for name, value in (headers or {}).items()
        }
        answer = super().perform_request(method, target, headers=older, **options)
        return answer._replace(meta=replace(answer.meta, headers=_without_warnings(answer.meta.headers)))


def _without_warnings(headers: HttpHeaders) -> HttpHeaders:
    """The client would print the server's warnings as they are, with the line of our source that asked: they are about
    requests, which the user did not write, and may have characters that a terminal obeys."""
    return HttpHeaders({name: value for name, value in headers.items() if name.lower() != "warning"})


def connect(connection: Connection) -> Elasticsearch:
    """A client that tries every node, and at least twice; sends nothing yet.

    Raises UsageError for a bad address or file.
    """
    addresses = _checked_addresses(connection)
    remote = not all(_is_local(str(address.hostname)) for address in addresses)
    return Elasticsearch(
        list(dict.fromkeys(_node_config(address, connection) for address in addresses)),
        transport_class=CompatibleTransport,
        request_timeout=connection.timeout,
        http_compress=remote,
        serializers={"text/html": TextSerializer()},  # a proxy's refusal must not hide behind its page
        max_retries=max(1, len(addresses) - 1),  # a kept connection may just have been closed at the other end
        retry_on_status=(),
        **_credentials(connection, addresses),
    )


def open_node(connection: Connection) -> Urllib3HttpNode:
    """Plain HTTP to the first address, with the credentials, for what is not Elasticsearch; sends nothing yet.

    Raises UsageError for a bad address or file.
    """
    addresses = _checked_addresses(connection)[:1]
    config = _node_config(addresses[0], connection)
    headers = _authorization(**_credentials(connection, addresses))
    return Urllib3HttpNode(replace(config, headers=headers, request_timeout=connection.timeout))


def _checked_addresses(connection: Connection) -> list[SplitResult]:
    if connection.ca_cert and not connection.ca_cert.is_file():
        raise UsageError(f"{connection.ca_cert}: no such certificate file", "give a PEM file with --ca-cert")
    return [_split(node) for node in connection.nodes]


def _authorization(api_key: str = "", basic_auth: tuple[str, str] | None = None) -> HttpHeaders:
    if api_key:
        return HttpHeaders({"authorization": f"ApiKey {api_key}"})
    if basic_auth:
        encoded = base64.b64encode(":".join(basic_auth).encode()).decode()
        return HttpHeaders({"authorization": f"Basic {encoded}"})
    return HttpHeaders()


def _split(node: str) -> SplitResult:
    try:
        address = urlsplit(node if "://" in node else f"http://{node}")
        valid = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        str(address.hostname).encode("idna")  # as the client does when it connects
    except ValueError:
        valid = False
    if not valid:
        shown = node.rpartition("@")[2]
        raise UsageError(f"{shown!r} is not the address of a node", "write host:port or https://host:port")
    return address


def _public(address: SplitResult, port: int) -> str:
    host = f"[{address.hostname}]" if ":" in str(address.hostname) else address.hostname
    return f"{address.scheme}://{host}:{address.port or port}{address.path.rstrip('/')}"


def _node_config(address: SplitResult, connection: Connection) -> NodeConfig:
    host, path = str(address.hostname), address.path.rstrip("/")
    if address.scheme == "http":
        return NodeConfig("http", host, address.port or connection.port, path_prefix=path)
    return NodeConfig(
        "https",
        host,
        address.port or connection.port,
        path_prefix=path,
        ca_certs=str(connection.ca_cert) if connection.ca_cert else None,
        ssl_assert_fingerprint=connection.fingerprint,
        verify_certs=connection.verify,
        ssl_show_warn=False,  # the command says it louder
    )


def _credentials(connection: Connection, addresses: list[SplitResult]) -> dict[str, Any]:
    if connection.api_key:
        if not re.fullmatch(r"[!-~]+", connection.api_key):
            raise UsageError("the API key is none: it has spaces, lines or foreign characters", "give the encoded key")
        return {"api_key": connection.api_key}
    if connection.user:
        return {"basic_auth": (connection.user, connection.password or "")}
    for address in addresses:
        if address.username:
            return {"basic_auth": (unquote(address.username), unquote(address.password or ""))}
    return {}


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def told(connection: Connection) -> Iterator[None]:
    """Turns the client's exceptions into a StoreError that names the nodes, the cause and the next step."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise store_error(connection, error) from error


def is_temporary(error: ApiError | TransportError) -> bool:
    """Whether the same request may fare better later."""
    if isinstance(error, ApiError):
        return error.status_code in TEMPORARY
    return isinstance(error, NoConnection | ConnectionTimeout | SerializationError) and not isinstance(error, TlsError)


def store_error(connection: Connection, error: ApiError | TransportError) -> StoreError:
    """The failure as one line with a hint, without credentials."""
    cause, hint = _api_failure(error) if isinstance(error, ApiError) else _transport_failure(error, connection)
    return StoreError(f"{connection.addresses} {redact(cause, connection)}", hint)


def _api_failure(error: ApiError) -> tuple[str, str]:
    reason = f": {server_reason(error.body)}"
    if error.status_code == 401:
        return "refuses the credentials (401)", "give --api-key-file, or --user and --password-file"
    if error.status_code == 403:
        return f"forbids this (403){reason}", "use a key or user with the privileges to write and search packets-*"
    if error.status_code < 500 and error.status_code not in TEMPORARY and PRODUCT_HEADER not in error.meta.headers:
        return f"{NOT_ELASTICSEARCH} (status {error.status_code})", "check the address given with --node"
    return f"failed with status {error.status_code}{reason}", "see the log of the node"


def _transport_failure(error: TransportError, connection: Connection) -> tuple[str, str]:
    detail = " ".join(str(error.message).split())
    if isinstance(error, TlsError):
        return _tls_failure(detail)
    if isinstance(error, ConnectionTimeout):
        return "did not answer in time", "check that the node runs and that no firewall is in the way"
    if isinstance(error, SerializationError):
        return "sent an answer that is no JSON", f"check the address given with {connection.option}"
    if "refused" in detail:
        return (
            "refuses connections",
            f"start {connection.product} there, or give another address with {connection.option}",
        )
    if "Failed to resolve" in detail:
        return "cannot be reached: there is no machine of this name", "check the address; `local` is an index here"
    return f"cannot be reached: {detail}", "check the address; a node that wants TLS needs https:// in front"


def _tls_failure(detail: str) -> tuple[str, str]:
    if "WRONG_VERSION_NUMBER" in detail or "RECORD_LAYER_FAILURE" in detail:
        return "does not speak TLS", "write http:// instead of https://"
    if "ingerprint" in detail:
        return (
            "has a certificate with another fingerprint",
            "compare --fingerprint with the SHA-256 fingerprint of the node's certificate",
        )
    if "ostname mismatch" in detail or "IP address mismatch" in detail:
        return "has a certificate for another name", "use the name that is in the certificate"
    if "self-signed" in detail or "self signed" in detail or "unable to get local issuer" in detail:
        return (
            "has a certificate from an unknown authority",
            "give the authority's certificate with --ca-cert, or the certificate's --fingerprint",
        )
    return f"fails in TLS: {detail}", "check the certificate and --ca-cert"


def server_reason(body: Any) -> str:
    """The server's own words for a failure, in one line."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        reasons = [str(error.get("reason") or error.get("type") or error)]
        if isinstance(error.get("caused_by"), dict):
            reasons.append(str(error["caused_by"].get("reason")))
        error = ": ".join(reasons)
    return " ".join(str(error).split())[:500]


def redact(text: str, connection: Connection) -> str:
    """Text of a server without our secrets: a proxy may echo what it was sent."""
    urls = [_split(node).password for node in connection.nodes]
    for secret in filter(None, [connection.password, connection.api_key, *urls]):
        text = text.replace(secret, "***")
    return text
