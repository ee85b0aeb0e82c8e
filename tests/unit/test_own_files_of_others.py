"""The readers of keepalived, Postfix, Exim, nginx and zones: what they leave out, they tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.own_files import STYLES, read, written

from relaydrill.own_configuration.gathering import Gathered
from relaydrill.own_configuration.recognising import by_content, by_name
from relaydrill.own_configuration.text import text_of


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("keepalived.conf", "vrrp_instance A {\n  teleport\n}\n", 2, "'teleport' of a vrrp_inst"),
        ("keepalived.conf", "vrrp_instance A {\n  state MASTER\n", 1, "is not closed"),
        ("keepalived.conf", "}\n", 1, "a closing brace has no opening one"),
        ("keepalived.conf", "include none.conf\n", 1, "there is no file"),
        ("keepalived.conf", "vrrp_instance A {\n@a state MASTER\n}\n", 2, "one machine alone"),
        ("keepalived.conf", "warp {\n}\n", 1, "'warp' is not known here"),
        (
            "keepalived.conf",
            "vrrp_instance A {\n  track_script {\n    none\n  }\n}\n",
            3,
            "there is no vrrp_script 'none'",
        ),
        ("main.cf", "relayhost = a\nrelayhost = b\n", 2, "main.cf:1 has no effect"),
        ("main.cf", "not a setting\n", 1, "is no name = value"),
        ("main.cf", " x = y\n", 1, "goes on from none above it"),
        ("main.cf", "relayhost = ${x?y}\n", 1, "is not evaluated"),
        ("master.cf", "smtp inet n - y\n", 1, "fewer than 8 columns"),
        ("db.example.com", "@ MX mail\n", 1, "is no record, and is left out"),
        ("db.example.com", "a A 1.2.3.4\nb TELEPORT x\n", 2, "is no record"),
        ("db.example.com", "a A ( 1.2.3.4\n", 1, "a parenthesis is not closed"),
        ("db.example.com", "$GENERATE 1-9 h$ A 10.0.0.$\n", 1, "records of $GENERATE are left out"),
        ("db.example.com", "$INCLUDE none\n", 1, "there is no file"),
        ("x.txt", "$TTL 5\na A 10.0.0.1\n", 2, "its name is not known"),
        ("named.conf", 'zone "x" {\n  file "none.db";\n};\n', 2, "is not among the files given"),
        ("named.conf", 'include "none.conf";\n', 1, "there is no file"),
        ("exim4.conf", ".ifdef X\nx = y\n.endif\n", 1, "are read whatever is defined"),
        ("exim4.conf", ".include none\n", 1, "there is no file"),
        ("exim4.conf", "begin routers\n  driver = x\n", 2, "stands before the first name"),
        ("nginx.conf", "stream { server { proxy_pass $x; } }\n", 1, "only a session tells"),
        ("nginx.conf", "stream {\n include none.conf; }\n", 2, "there is no file"),
        ("nginx.conf", "mail {\n}\n", 1, "the mail block is left out"),
    ],
)
def test_what_is_not_understood_is_told_by_line(
    name: str, text: str, line: int, said: str, tmp_path: Path
) -> None:
    """Includes that are missing, half of a file, and words that nobody knows."""
    [(_, found)] = read({name: text}, tmp_path).all
    told = [each for each in found.notes if said in each.what.replace(f"{tmp_path}/", "")]
    assert [each.at.line for each in told] == [line], [str(each) for each in found.notes]


@pytest.mark.parametrize("style", STYLES)
def test_a_file_is_recognised_by_what_stands_in_it(style: str) -> None:
    """Whatever it is called; and its name, where it says something, says the same."""
    for name, text in STYLES[style].items():
        kind = by_content(text_of(text.encode(), name))
        assert kind
        assert by_name(Path(name)) in ("", kind)


def test_what_is_included_is_read_with_its_own_lines(tmp_path: Path) -> None:
    """By keepalived a pattern, by nginx a path; findings there name that file."""
    files = {
        "keepalived.conf": "include more/*.conf\n",
        "nginx.conf": "stream {\n  include more/up.inc;\n"
        "  server { listen 25; proxy_pass u; }\n}\n",
    }
    more = {
        "a.conf": "vrrp_instance A {\n  virtual_ipaddress {\n    10.0.0.1\n  }\n}\n",
        "up.inc": "upstream u {\n  server 10.0.0.2:25;\n}\n",
    }
    written(more, tmp_path / "more")
    found = read(files, tmp_path)
    [instance] = found.keepalived[0].instances
    assert str(instance.at) == f"{tmp_path}/more/a.conf:1"
    assert instance.addresses == {"10.0.0.1"}
    assert str(found.nginx[0].passing[0].peers[0].at) == f"{tmp_path}/more/up.inc:2"


def test_main_cf_and_master_cf_of_a_folder_are_one_postfix(tmp_path: Path) -> None:
    """Named one by one, or as the folder; those of two folders are two."""
    for folder in ("a", "b"):
        written(
            {"main.cf": "relayhost = x\n", "master.cf": "smtp inet n - y - - smtpd\n"},
            tmp_path / folder,
        )
    gathered = Gathered()
    for source in ("a/main.cf", "a/master.cf", "b"):
        gathered.add(str(tmp_path / source))
    one, other = gathered.files().postfix
    assert one.source == f"{tmp_path}/a/main.cf+{tmp_path}/a/master.cf"
    assert [len(each.services) for each in (one, other)] == [1, 1]
    assert [each.value("relayhost") for each in (one, other)] == ["x", "x"]


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    """A circle is told of, and read once."""
    files = {"keepalived.conf": "include other.conf\n", "other.conf": "include keepalived.conf\n"}
    written(files, tmp_path)
    gathered = Gathered()
    gathered.add(str(tmp_path / "keepalived.conf"))
    [note] = gathered.files().keepalived[0].notes
    assert "is included once more" in note.what
