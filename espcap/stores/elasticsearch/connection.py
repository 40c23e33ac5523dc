"""Connects to Elasticsearch or Kibana: addresses, credentials, certificates, and error messages for failures."""

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
from espcap.documents.types import PACKETS

PRODUCT_HEADER = "x-elastic-product"
NOT_ELASTICSEARCH = "answers, but is not Elasticsearch"
TEMPORARY = frozenset([408, 429, 500, 502, 503, 504])
"""Statuses after which the same request may succeed later."""


@dataclass(frozen=True)
class Connection:
    """The addresses of a cluster or a Kibana, and how to log in and to verify its certificate. Its repr has no secrets.

    `nodes` are `host:port` or `http(s)://[user:password@]host[:port][/path]`; the defaults are http and `port`.
    `fingerprint` is the SHA-256 fingerprint of the certificate in hexadecimal, `timeout` is in seconds for one request.
    `product` and `option` are names for messages: of the program at these addresses, and of the option that has them.
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
        """The URLs of the nodes without credentials, separated by commas, for messages."""
        return ", ".join(_public(_split(node), self.port) for node in self.nodes)


class CompatibleTransport(Transport):
    """Requests version 8 of the API, which servers 8 and 9 support. The client requests version 9, which 8 rejects."""

    def perform_request(self, method: str, target: str, *, headers: Any = None, **options: Any) -> Any:
        """Sends a request, as the parent's method does."""
        older = {
            name: value.replace("compatible-with=9", "compatible-with=8") for name, value in (headers or {}).items()
        }
        answer = super().perform_request(method, target, headers=older, **options)
        return answer._replace(meta=replace(answer.meta, headers=_without_warnings(answer.meta.headers)))


def _without_warnings(headers: HttpHeaders) -> HttpHeaders:
    """Returns the headers without warnings, which the client would print unchanged.

    They are about requests that the user did not write, and may contain control characters.
    """
    return HttpHeaders({name: value for name, value in headers.items() if name.lower() != "warning"})


def connect(connection: Connection) -> Elasticsearch:
    """Returns a client that tries each node, and at least two times. Sends nothing yet.

    Raises UsageError if an address or the certificate file is not valid.
    """
    addresses = _checked_addresses(connection)
    remote = not all(_is_local(str(address.hostname)) for address in addresses)
    return Elasticsearch(
        list(dict.fromkeys(_node_config(address, connection) for address in addresses)),
        transport_class=CompatibleTransport,
        request_timeout=connection.timeout,
        http_compress=remote,
        serializers={"text/html": TextSerializer()},  # so that an error page of a proxy is reported with its status
        max_retries=max(1, len(addresses) - 1),  # the server may have closed an idle connection
        retry_on_status=(),
        **_credentials(connection, addresses),
    )


def open_node(connection: Connection) -> Urllib3HttpNode:
    """Returns an HTTP client for the first address, with the credentials, for Kibana. Sends nothing yet.

    Raises UsageError if an address or the certificate file is not valid.
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
        ssl_show_warn=False,  # the command prints its own warning
    )


def _credentials(connection: Connection, addresses: list[SplitResult]) -> dict[str, Any]:
    if connection.api_key:
        if not re.fullmatch(r"[!-~]+", connection.api_key):
            raise UsageError(
                "the API key is not valid: it has spaces, line breaks or non-ASCII characters", "give the encoded key"
            )
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
def as_store_error(connection: Connection) -> Iterator[None]:
    """Raises the client's exceptions as a StoreError with the nodes, the cause and a hint."""
    try:
        yield
    except (ApiError, TransportError) as error:
        raise store_error(connection, error) from error


def is_temporary(error: ApiError | TransportError) -> bool:
    """Returns whether the same request may succeed later."""
    if isinstance(error, ApiError):
        return error.status_code in TEMPORARY
    return isinstance(error, NoConnection | ConnectionTimeout | SerializationError) and not isinstance(error, TlsError)


def store_error(connection: Connection, error: ApiError | TransportError) -> StoreError:
    """Returns the failure as an error of one line with a hint, without credentials."""
    cause, hint = _api_failure(error) if isinstance(error, ApiError) else _transport_failure(error, connection)
    return StoreError(f"{connection.addresses} {redact(cause, connection)}", hint)


def _api_failure(error: ApiError) -> tuple[str, str]:
    reason = f": {server_reason(error.body)}"
    if error.status_code == 401:
        return "rejects the credentials (401)", "give --api-key-file, or --user and --password-file"
    if error.status_code == 403:
        return (
            f"forbids this (403){reason}",
            f"use a key or user with the privileges to write and search {PACKETS.pattern}",
        )
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
        return "sent an answer that is not JSON", f"check the address given with {connection.option}"
    if "refused" in detail:
        return (
            "refuses connections",
            f"start {connection.product} there, or give another address with {connection.option}",
        )
    if "Failed to resolve" in detail:
        return (
            "cannot be reached: its name cannot be resolved",
            "check the address; --node local is the index on this machine",
        )
    return f"cannot be reached: {detail}", "check the address; if the node uses TLS, write https:// before it"


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
    return f"cannot be reached: TLS failed: {detail}", "check the certificate and --ca-cert"


def server_reason(body: Any) -> str:
    """Returns the reason that the body of an error answer gives, in one line of at most 500 characters."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        reasons = [str(error.get("reason") or error.get("type") or error)]
        if isinstance(error.get("caused_by"), dict):
            reasons.append(str(error["caused_by"].get("reason")))
        error = ": ".join(reasons)
    return " ".join(str(error).split())[:500]


def redact(text: str, connection: Connection) -> str:
    """Returns text of a server with our secrets replaced by `***`: a proxy may echo the request."""
    urls = [_split(node).password for node in connection.nodes]
    for secret in filter(None, [connection.password, connection.api_key, *urls]):
        text = text.replace(secret, "***")
    return text
