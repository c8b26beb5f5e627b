"""The package as it is published, and the text it is made of."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import latchgate
import pytest

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parent
SOURCES = {f"latchgate/{one.name}" for one in (PACKAGE / "src/latchgate").glob("*.py")}
PYTHON_OF_THE_REPOSITORY = [
    str(one) for one in (PACKAGE, ROOT / "packages/e2e/python", ROOT / "examples")
]


def run(*arguments: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=PACKAGE, env=env or None
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_types_hold_strictly_for_the_oldest_python(tmp_path: Path) -> None:
    run("-m", "mypy", "--cache-dir", str(tmp_path))


def test_a_program_is_checked_against_the_types_of_the_package(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from latchgate import LatchGateSyncClient\n"
        "with LatchGateSyncClient(agent_id='a') as client:\n"
        "    reveal_type(client.execute('a').receipt_id)\n"
    )
    command = ["-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    assert 'Revealed type is "str"' in run(
        *command, str(program), MYPYPATH=str(PACKAGE / "src"), PATH="/usr/bin:/bin"
    )


def test_the_text_is_checked_and_formatted() -> None:
    settings = ["--config", str(PACKAGE / "pyproject.toml"), "--no-cache"]
    run("-m", "ruff", "check", *settings, *PYTHON_OF_THE_REPOSITORY)
    run("-m", "ruff", "format", "--check", *settings, *PYTHON_OF_THE_REPOSITORY)


def test_the_wheel_has_all_sources_the_marker_of_types_and_the_licence(tmp_path: Path) -> None:
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    info = f"latchgate-{latchgate.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == SOURCES | {
            "latchgate/py.typed",
            f"{info}/METADATA",
            f"{info}/RECORD",
            f"{info}/WHEEL",
            f"{info}/licenses/LICENSE",
        }
        licence = archive.read(f"{info}/licenses/LICENSE")
        metadata = HeaderParser().parsestr(archive.read(f"{info}/METADATA").decode())
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert (metadata["Name"], metadata["Requires-Python"]) == ("latchgate", ">=3.10")
    assert "LatchGateSyncClient" in str(metadata.get_payload())
    required = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert sorted(re.split(r"[<>=]", one)[0] for one in required) == [
        "cryptography",
        "httpcore",
        "httpx",
    ]
    # A wheel is a path that can be imported from: what is in it is enough.
    shown = run("-c", "import latchgate; print(latchgate.__file__)", PYTHONPATH=str(wheel))
    assert shown.startswith(str(wheel))


def test_the_source_archive_has_what_the_wheel_is_made_of(tmp_path: Path) -> None:
    run("-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path))
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {one.name.partition("/")[2] for one in files.getmembers()}
    assert {f"src/{one}" for one in SOURCES} | {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_all_packages_of_the_repository_have_one_version() -> None:
    version = json.loads((ROOT / "package.json").read_text("utf-8"))["version"]
    assert latchgate.__version__ == version
    assert f'\nversion = "{version}"\n' in (PACKAGE / "pyproject.toml").read_text("utf-8")


def test_what_is_exported_is_there_and_documented() -> None:
    assert sorted(latchgate.__all__) == latchgate.__all__
    undocumented = [one for one in latchgate.__all__ if not inspect.getdoc(getattr(latchgate, one))]
    assert undocumented == []


ASYNC, SYNC = latchgate.LatchGateClient, latchgate.LatchGateSyncClient


def members(client: type) -> dict[str, Any]:
    return {name: it for name, it in vars(client).items() if not name.startswith("_")}


def test_both_clients_have_the_same_members() -> None:
    assert list(members(ASYNC)) == list(members(SYNC))


@pytest.mark.parametrize("name", ["__init__", *members(SYNC)])
def test_a_member_is_the_same_in_both_clients(name: str) -> None:
    ours, theirs = getattr(ASYNC, name), getattr(SYNC, name)
    if isinstance(theirs, property):
        assert inspect.getdoc(ours) == inspect.getdoc(theirs)
        ours, theirs = ours.fget, theirs.fget
    elif name != "__init__":
        assert inspect.iscoroutinefunction(ours)
        assert not inspect.iscoroutinefunction(theirs)
        assert inspect.getdoc(ours) == inspect.getdoc(theirs)
    # What is asynchronous about it is the one difference.
    text = str(inspect.signature(ours)).replace("httpx.AsyncClient", "httpx.Client")
    text = text.replace("str | Awaitable[str]", "str")
    assert text == str(inspect.signature(theirs))
