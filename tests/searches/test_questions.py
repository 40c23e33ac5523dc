"""Named questions: those of espcap are complete, and errors name the file."""

from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.searches.questions import questions


def test_ours_are_complete() -> None:
    found = questions()
    assert len(found) >= 9
    for question in found.values():
        assert question.about
        assert question.columns
        assert question.query or question.filter
        assert question.of.name == question.type


def test_one_of_the_user_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "slow.toml").write_text('about = "mine"\ncolumns = ["frame.number"]\nquery = "http"\n')
    assert questions([str(tmp_path)])["slow"].about == "mine"


@pytest.mark.parametrize(
    "text",
    ["about = ", 'about = "x"', 'about = "x"\ncolumns = []\nmore = 1', 'about = "x"\ncolumns = []\ntype = "frames"'],
)
def test_errors_name_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError, match=r"mine\.toml is not valid"):
        questions([str(tmp_path)])


def test_columns_of_groups(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('about = "x"\ncolumns = ["count", "type"]\ngroup = ["source.ip"]\n')
    with pytest.raises(UsageError, match="groups have no column type"):
        questions([str(tmp_path)])
