"""The demo, as somebody runs it who has just cloned the project."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "fhir_server", "demo", "--bind", "127.0.0.1:0"]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("FHIR_SERVER_")}


def test_once_walks_a_referral_and_leaves(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "--once"], cwd=tmp_path, env=PLAIN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    for expected in ("401 Unauthorized", "412 Precondition Failed", "accepted v2", "in-progress v3", "completed v4"):
        assert expected in done.stdout
    assert re.search(r"one referral closed in \d+ steps", done.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_interrupted_and_takes_the_server_along(tmp_path: Path, number: int) -> None:
    with subprocess.Popen(COMMAND, cwd=tmp_path, env=PLAIN, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        base = ""
        for line in demo.stdout:
            base = line.split()[-1] if "FHIR base" in line else base
            if "Ctrl-C" in line:
                break
        with urllib.request.urlopen(f"{base}/metadata") as answer:
            assert answer.status == 200
        demo.send_signal(number)
        assert demo.wait(60) == 0
    with pytest.raises(OSError, match=r"refused|reset"):
        urllib.request.urlopen(f"{base}/metadata")
