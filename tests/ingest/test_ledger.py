import sqlite3
import stat
from pathlib import Path

import pytest

from espcap.captures.sources import Stamp
from espcap.ingest.ledger import FinishedCapture, Ledger, LedgerError, StoredCapture, ledger_path
from espcap.stores import StoredDay

STAMP = Stamp(1, 2, 3, 4, 5)
FIRST = StoredDay("packets-2024-05-01", 1, 1, "first")
SECOND = StoredDay("packets-2024-05-02", 1, 1, "second")
A = FinishedCapture("a", "s", 10, frozenset([FIRST.name]))
B = FinishedCapture("b", "s", 20, frozenset([FIRST.name, SECOND.name]))
C = FinishedCapture("c", "s", 30, frozenset([SECOND.name]))
EMPTY = FinishedCapture("e", "s", 0, frozenset())


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "state" / "espcap" / "ledger.sqlite")
    made.add([A, B, C, EMPTY], [FIRST, SECOND])
    return made


def packets(known: StoredCapture | None) -> int | None:
    return known.packets if known else None


def known(ledger: Ledger) -> str:
    return "".join(content for content in "abce" if ledger.find_content(content, "s") is not None)


def test_finished_work_is_known_to_the_next_process(ledger: Ledger) -> None:
    ledger.close()
    again = Ledger(ledger.path)
    assert [packets(again.find_content(content, "s")) for content in "abcde"] == [10, 20, 30, None, 0]
    assert again.find_content("a", "other settings") is None


def test_only_its_owner_reads_it(ledger: Ledger) -> None:
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("field", Stamp._fields)
def test_a_file_is_known_while_nothing_of_it_changes(ledger: Ledger, field: str) -> None:
    ledger.add_files([(STAMP, "a")])
    assert packets(ledger.find_file(STAMP, "s")) == 10
    assert ledger.find_file(STAMP._replace(**{field: 99}), "s") is None
    assert ledger.find_file(STAMP, "other settings") is None


def test_greatest_inode(ledger: Ledger) -> None:
    ledger.add_files([(STAMP._replace(inode=2**64 - 1), "a")])
    assert packets(ledger.find_file(STAMP._replace(inode=2**64 - 1), "s")) == 10


def test_an_inode_that_another_file_took(ledger: Ledger) -> None:
    ledger.add_files([(STAMP, "a")])
    ledger.add_files([(STAMP._replace(changed=6), "b")])
    assert ledger.find_file(STAMP, "s") is None
    assert packets(ledger.find_file(STAMP._replace(changed=6), "s")) == 20


def test_a_capture_whose_index_went_before_it_was_recorded(ledger: Ledger) -> None:
    ledger.add([FinishedCapture("x", "s", 1, frozenset(["packets-2024-05-03"]))], [FIRST, SECOND])
    assert ledger.find_content("x", "s") is None


def test_lost_indices_take_their_captures_along(ledger: Ledger) -> None:
    assert ledger.verify([FIRST, SECOND], 0) == 0
    assert known(ledger) == "abce"
    assert ledger.verify([SECOND], 0) == 2
    assert known(ledger) == "ce"


def test_an_index_of_the_same_name_is_another(ledger: Ledger) -> None:
    assert ledger.verify([FIRST._replace(identity="new"), SECOND], 0) == 2
    assert known(ledger) == "ce"


def test_pruned_indices_leave_their_captures_done(ledger: Ledger) -> None:
    ledger.prune(FIRST.name)
    assert ledger.verify([SECOND], 0) == 0
    assert known(ledger) == "abce"


def test_a_pruning_that_was_cut_short(ledger: Ledger) -> None:
    """The index that was to be deleted is still there, and later lost."""
    ledger.prune(FIRST.name)
    ledger.verify([FIRST, SECOND], 0)
    assert ledger.verify([SECOND], 0) == 2


def test_a_pruned_index_that_was_loaded_again_and_lost(ledger: Ledger) -> None:
    ledger.prune(FIRST.name)
    ledger.add([A], [FIRST._replace(identity="new"), SECOND])
    assert ledger.verify([SECOND], 0) == 1
    assert known(ledger) == "bce"


def test_indices_that_the_store_deletes_when_they_expire(ledger: Ledger) -> None:
    ledger.verify([FIRST._replace(expires=1000.0), SECOND], 0)
    assert ledger.verify([SECOND], 1000) == 0
    assert known(ledger) == "abce"
    assert ledger.verify([SECOND], 999) == 2


def test_a_ledger_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"something else, and long enough to be read as a header" * 20)
    with pytest.raises(LedgerError, match=r"ledger.sqlite cannot be used: file is not a database") as failure:
        Ledger(path)
    assert "nothing is stored twice" in failure.value.hint


def test_place_of_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert ledger_path([f"local:{tmp_path}/index"]) == tmp_path / "index" / "ledger.sqlite"
    one, other = ledger_path(["https://me:secret@es:9200"]), ledger_path(["http://es"])
    assert one == ledger_path(["https://es:9200/"])
    assert other == ledger_path(["ES:9200"])
    assert one != other
    assert one.parent == tmp_path / "espcap"
    assert "secret" not in one.name
    assert ledger_path(["a", "b"]) == ledger_path(["b", "a"])


def test_a_ledger_of_an_earlier_version(tmp_path: Path) -> None:
    """Has no column for the settings of documents: what it knows stays known."""
    path = tmp_path / "ledger.sqlite"
    database = sqlite3.connect(path)
    columns = "content TEXT, settings TEXT, packets INTEGER, finished REAL, UNIQUE (content, settings)"
    database.execute(f"CREATE TABLE captures (capture INTEGER PRIMARY KEY, {columns})")
    database.execute("INSERT INTO captures VALUES (1, 'a', 's', 10, 0)")
    database.commit()
    for _ in range(2):
        assert Ledger(path).find_content("a", "s") == StoredCapture("a", 10, "")


def test_forgotten_captures(ledger: Ledger) -> None:
    ledger.add([A._replace(work="t", settings_id="d")], [FIRST])
    assert ledger.find_content("a", "t") == StoredCapture("a", 10, "d")
    assert ledger.forget(["a"], "t") == 1
    assert known(ledger) == "abce"
    assert ledger.forget(["a", "b", "none"]) == 2
    assert known(ledger) == "ce"
