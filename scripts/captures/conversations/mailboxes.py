"""Dovecot: mailboxes by IMAP and POP3."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import exchange, received

MAIL = """From: sender@example.test
To: reader@example.test
Subject: A mail
Date: Wed, 01 May 2024 10:00:00 +0000

First line.
.Line with a leading dot.
"""
CONFIGURATION = """
base_dir = {place}/base
state_dir = {place}/state
log_path = {place}/log
protocols = imap pop3
listen = {address}
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{place}/mail
first_valid_uid = 1
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={place}/mail
}}
"""


@contextmanager
def server(port: int) -> Iterator[None]:
    with folder() as place:
        place.chmod(0o755)
        for name in ("cur", "new", "tmp"):
            (place / "mail" / name).mkdir(parents=True)
        (place / "mail" / "new" / "1").write_text(MAIL)
        for path in ("", "cur", "new", "tmp", "new/1"):
            shutil.chown(place / "mail" / path, "nobody", "nogroup")
        (place / "conf").write_text(CONFIGURATION.format(place=place, address=SERVER_IP))
        with program("dovecot", "-F", "-c", place / "conf", port=port):
            yield


def imap_command(text: str, answer: str = "OK", session: bool = False) -> Transaction:
    """A command with its tag, and how the line with its tag begins in the answer."""
    tag, words = text.split(" ", 1)
    error = "" if answer.startswith("OK") else answer
    sent, end = f"{text}\r\n".encode(), f"{tag} {answer}".encode()
    about = {"tag": tag, "query": words}
    return Transaction(words.split(" ", 1)[0], sent, end, error, session=session, more=about)


IMAP = (
    imap_command("a1 CAPABILITY"),
    imap_command("a2 LOGIN reader wrong", "NO [AUTHENTICATIONFAILED] Authentication failed."),
    imap_command("a3 LOGIN reader secret"),
    imap_command("a4 SELECT INBOX"),
    imap_command("a5 FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"),
    imap_command("a6 FETCH 1 BODY[]"),
    imap_command("a7 SEARCH SUBJECT mail"),
    imap_command("a8 FROB", "BAD Error in IMAP command FROB: Unknown command"),
    imap_command("a9 CREATE INBOX", "NO [ALREADYEXISTS] Mailbox already exists"),
)
PIPELINED = (
    imap_command("b1 UID SEARCH ALL"),
    imap_command("b2 FETCH 2 UID", "BAD Error in IMAP command FETCH: Invalid messageset"),
    imap_command("b3 FETCH 1 UID"),
)
WITH_LITERAL = imap_command("c1 APPEND INBOX {16}")
IDLE = imap_command("c2 IDLE")
LOGOUT = imap_command("c3 LOGOUT", session=True)


def imap(path: Path) -> list[Transaction]:
    """Logins, mails, errors, three commands in one segment, and two that wait for more from the client."""
    with recording(path, "tcp port 143"), server(143), socket.create_connection((SERVER_IP, 143)) as sock:
        received(sock)
        done = [exchange(sock, command)[0] for command in IMAP]
        done += exchange(sock, *PIPELINED)
        done += continued(sock, WITH_LITERAL, b"+ OK\r\n", b"Subject: two\r\n\r\n\r\n")
        done += continued(sock, IDLE, b"+ idling\r\n", b"DONE\r\n")
        return [*done, *exchange(sock, LOGOUT)]


def continued(sock: socket.socket, command: Transaction, asked: bytes, rest: bytes) -> list[Transaction]:
    """Sends a command, and the rest of it when the server asks for that."""
    exchange(sock, replace(command, received=asked))
    exchange(sock, replace(command, sent=rest))
    return [command]


def pop_command(text: str, answer: str = "+OK", session: bool = False) -> Transaction:
    """A command with its answer, of which the last bytes are given."""
    error = answer.removesuffix("\r\n") if answer.startswith("-ERR") else ""
    return Transaction(
        text.split(" ", 1)[0], f"{text}\r\n".encode(), answer.encode(), error, session=session, more={"query": text}
    )


END = "\r\n.\r\n"
POP3 = (
    pop_command("CAPA", END),
    pop_command("USER reader", "+OK\r\n"),
    pop_command("PASS wrong", "-ERR [AUTH] Authentication failed.\r\n"),
    pop_command("USER reader", "+OK\r\n"),
    pop_command("PASS secret", "+OK Logged in.\r\n"),
    pop_command("STAT", "+OK 1 150\r\n"),
    pop_command("LIST", END),
    pop_command("RETR 1", END),
    pop_command("RETR 9", "-ERR There's no message 9.\r\n"),
    pop_command("FROB", "-ERR Unknown command: FROB\r\n"),
)
POP3_PIPELINED = (
    pop_command("NOOP", "+OK\r\n"),
    pop_command("DELE 2", "-ERR There's no message 2.\r\n"),
    pop_command("DELE 1", "+OK Marked to be deleted.\r\n"),
)
POP3_QUIT = pop_command("QUIT", "+OK Logging out, messages deleted.\r\n", session=True)


def pop3(path: Path) -> list[Transaction]:
    """Logins, a mail, errors, and three commands in one segment."""
    with recording(path, "tcp port 110"), server(110), socket.create_connection((SERVER_IP, 110)) as sock:
        received(sock)
        done = [exchange(sock, command)[0] for command in POP3]
        return [*done, *exchange(sock, *POP3_PIPELINED), *exchange(sock, POP3_QUIT)]
