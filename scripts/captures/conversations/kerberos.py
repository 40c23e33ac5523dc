"""Kerberos: MIT's key distribution centre and its programs."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import TURN, Transaction
from .programs import folder, program

CLIENT = """
[libdefaults]
  default_realm = EXAMPLE.TEST
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1465
  default_ccache_name = FILE:{place}/tickets
[realms]
  EXAMPLE.TEST = {{
    kdc = {server}
  }}
"""
SERVER = """
[kdcdefaults]
  kdc_listen = {server}:88
  kdc_tcp_listen = {server}:88
[realms]
  EXAMPLE.TEST = {{
    database_name = {place}/principals
    key_stash_file = {place}/stash
    acl_file = {place}/acl
    default_principal_flags = +preauth
  }}
"""


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """Yields the variables with which programs find the realm."""
    with folder() as place:
        for name, text in (("krb5.conf", CLIENT), ("kdc.conf", SERVER)):
            (place / name).write_text(text.format(place=place, server=SERVER_IP))
        found = {"KRB5_CONFIG": str(place / "krb5.conf"), "KRB5_KDC_PROFILE": str(place / "kdc.conf")}
        do(found, "kdb5_util", "create", "-s", "-P", "master", "-r", "EXAMPLE.TEST")
        do(found, "kadmin.local", "-q", "addprinc -pw secret reader")
        do(found, "kadmin.local", "-q", "addprinc -randkey http/www.example.test")
        with program("krb5kdc", "-n", "-P", place / "pid", port=88, variables=found):
            yield found


def do(variables: dict[str, str], *argv: str, answer: str = "") -> None:
    """Runs a program with the realm; `answer` is what it reads."""
    environment = {**os.environ, **variables}
    subprocess.run(argv, input=answer.encode(), env=environment, capture_output=True, check=False)


def kerberos(path: Path) -> list[Transaction]:
    """A login with pre-authentication, a service, an unknown one, an unknown user, and a wrong password."""
    with recording(path, "port 88"), server() as realm:
        do(realm, "kinit", "reader", answer="secret\n")
        do(realm, "kvno", "http/www.example.test")
        do(realm, "kvno", "http/missing.example.test")
        do(realm, "kinit", "nobody", answer="secret\n")
        do(realm, "kinit", "reader", answer="wrong\n")
    return TRANSACTIONS


def asked(method: str, service: str, error: str = "") -> Transaction:
    more: dict[str, object] = {"resource": service}
    return Transaction(method, b"", TURN, error, more=more)


TICKETS, SERVICE = "krbtgt/EXAMPLE.TEST", "http/www.example.test"
TRANSACTIONS = [
    asked("AS-REQ", TICKETS, "KDC_ERR_PREAUTH_REQUIRED"),
    asked("AS-REQ", TICKETS),
    asked("TGS-REQ", SERVICE),
    asked("TGS-REQ", "http/missing.example.test", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
    asked("TGS-REQ", "http/missing.example.test", "KDC_ERR_S_PRINCIPAL_UNKNOWN"),  # the program asks twice
    asked("AS-REQ", TICKETS, "KDC_ERR_C_PRINCIPAL_UNKNOWN"),
    asked("AS-REQ", TICKETS, "KDC_ERR_PREAUTH_REQUIRED"),
    asked("AS-REQ", TICKETS, "KDC_ERR_PREAUTH_FAILED"),
]
for number, transaction in enumerate(TRANSACTIONS):
    transaction.connection = number
