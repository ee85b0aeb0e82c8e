"""What nginx takes is read without a note, and what it refuses is told of at the line it names."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from relaydrill.own_configuration.nginx import read
from relaydrill.own_configuration.text import read_text
from tests.own_files import SABOTAGES, STYLES

_NGINX: Final = shutil.which("nginx", path="/usr/sbin:/sbin:/usr/bin")
_STREAM: Final = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

pytestmark = pytest.mark.skipif(
    not _NGINX or not _STREAM.exists(),
    reason="to run this: apt-get install nginx-light libnginx-mod-stream",
)

_SOUND: Final = {
    "quotes and comments": "stream { # {\n upstream \"a b\" { server '127.0.0.1:25' ; # ;\n }\n"
    ' server { listen 127.83.8.2:2525; proxy_pass "a b"; proxy_timeout 10m; } }\n',
    "one line": "stream{upstream u{server 127.0.0.1:25;server 127.0.0.2:25 down;}"
    "server{listen 127.83.8.2:2525;proxy_pass u;}}",
    **{
        name: files["nginx.conf"]
        for name, files in (
            *STYLES.items(),
            *((rule, each.files()) for rule, each in SABOTAGES.items()),
        )
        if "nginx.conf" in files
    },
}
_UNSOUND: Final = {
    "no semicolon": "stream {\n upstream u {\n  server 127.0.0.1:25\n }\n}\n",
    "a brace too many": "stream {\n upstream u { server 127.0.0.1:25; }\n}\n}\n",
    "no word of nginx's": "stream {\n upstream u { server 127.0.0.1:25; }\n teleport on;\n}\n",
    "no option of a server": "stream {\n upstream u {\n  server 127.0.0.1:25 teleport;\n }\n}\n",
    "no file to include": "stream {\n upstream u { server 127.0.0.1:25; }\n include none;\n}\n",
}


def _asked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What nginx says of a text."""
    (folder / "nginx.conf").write_text(text)
    ours = f"load_module {_STREAM}; pid {folder}/pid; error_log stderr;"
    ours += " " if "events" in text else " events {} "
    # On the first line, so that the numbers of the others stay.
    (folder / "whole.conf").write_text(ours + text.replace("/none/", f"{folder}/none/"))
    return subprocess.run(
        [str(_NGINX), "-t", "-q", "-c", str(folder / "whole.conf"), "-p", str(folder)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("name", _SOUND)
def test_what_nginx_takes_is_understood(name: str, tmp_path: Path) -> None:
    """Whole, however it is written."""
    said = _asked(_SOUND[name], tmp_path)
    assert said.returncode == 0, said.stderr
    found = read([read_text(tmp_path / "nginx.conf")], "nginx.conf")
    assert found.notes == ()
    assert len(found.passing) == 1
    assert found.passing[0].is_mail


@pytest.mark.parametrize("name", _UNSOUND)
def test_what_nginx_refuses_is_told_of_near_the_same_line(name: str, tmp_path: Path) -> None:
    """At the line that nginx names, or where the statement begins that ends there."""
    said = _asked(_UNSOUND[name], tmp_path)
    assert said.returncode != 0
    named = re.search(r"whole\.conf:(\d+)", said.stderr)
    assert named, said.stderr
    notes = read([read_text(tmp_path / "nginx.conf")], "nginx.conf").notes
    assert notes
    assert 0 <= int(named[1]) - notes[0].at.line <= 1, (said.stderr, notes)
