"""Plants bugs, one at a time, and shows that the tests find every one.

    python tools/planted_bugs.py core
    python tools/planted_bugs.py runtime
    python tools/planted_bugs.py log
    python tools/planted_bugs.py script

Each bug is a small change to one file, made in a copy. The tests run until the first failure; a bug that none fails
on is a hole in the tests, and the exit status is 1. With names only the bugs are tried whose name contains one of them.
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Bug:
    """A change that makes things worse.

    Attributes:
        name: What is wrong then.
        file: In which file of the part.
        old: The text that is replaced; it occurs exactly once.
        new: What takes its place.
    """

    name: str
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Part:
    """What bugs are planted in, and what is to find them.

    Attributes:
        base: The directory that the files of the bugs are in.
        needs: What is copied.
        tests: What is run, in this order.
    """

    base: str
    needs: Sequence[str]
    tests: Sequence[str]


PARTS = {
    "log": Part("eventlog", ["eventlog", "tests/eventlog"], ["tests/eventlog"]),
    "core": Part(
        "engine",
        ["eventlog", "engine", "replay", "rms", "tests"],
        ["tests/simulation", "tests/engine/core", "tests/engine/runtime"],
    ),
    "runtime": Part(
        "engine",
        ["eventlog", "engine", "replay", "rms", "tests"],
        ["tests/engine/runtime", "tests/simulation"],
    ),
    "script": Part(
        "engine",
        ["eventlog", "engine", "replay", "rms", "tests"],
        ["tests/engine/test_scripting.py", "tests/engine/test_batches.py", "tests/replay/test_resumption.py"],
    ),
}


def check_texts(part: Part, bugs: list[Bug]) -> None:
    """See that each bug still can be planted."""
    for bug in bugs:
        text = (ROOT / part.base / bug.file).read_text()
        times = text.count(bug.old)
        if times != 1:
            raise SystemExit(f"{bug.name}: its text occurs {times} times in {bug.file}, not once")
        compile(text.replace(bug.old, bug.new), bug.file, "exec")  # what is no Python would be found by anything


def plant(part: Part, bug: Bug | None) -> Path:
    """Copy what the tests need to a directory of its own, with the bug in it."""
    copy = Path(tempfile.mkdtemp(prefix="planted-"))
    for name in part.needs:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    if bug:
        path = copy / part.base / bug.file
        path.write_text(path.read_text().replace(bug.old, bug.new))
    return copy


def first_failure(part: Part, bug: Bug | None) -> tuple[str | None, float]:
    """The test that fails first with this bug, None if none does, and how long that took in seconds."""
    copy = plant(part, bug)
    began = time.monotonic()
    try:
        failed = next(filter(None, (failure(copy, tests) for tests in part.tests)), None)
    finally:
        shutil.rmtree(copy)
    return failed, time.monotonic() - began


def failure(copy: Path, tests: str) -> str | None:
    """The first of these tests that fails, None if none does."""
    options = ["-x", "-q", "-m", "not torture", "-p", "no:cacheprovider", "--timeout", "60"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tests],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    summary = ran.stdout.partition("short test summary info")[2]
    failed = [line for line in summary.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if ran.returncode and not failed:
        failed = [ran.stdout[-300:] + ran.stderr[-300:]]
    return failed[0].split(" - ")[0] if failed else None


def main() -> int:
    """Try the bugs; return 1 if one was not found, or if tests fail without any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("names", nargs="*", help="try only the bugs whose name contains one of these")
    given = parser.parse_args()
    part, bugs = PARTS[given.part], importlib.import_module(f"bugs_{given.part}").BUGS
    chosen = [bug for bug in bugs if not given.names or any(name in bug.name for name in given.names)]
    check_texts(part, chosen)
    failed, _ = first_failure(part, None)
    if failed:
        print(f"without any bug: {failed}")
        return 1
    missed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tried = zip(chosen, pool.map(partial(first_failure, part), chosen), strict=True)
        for bug, (failed, seconds) in tried:
            missed += not failed
            print(f"{'found ' if failed else 'MISSED'}  {bug.name}  ({seconds:.1f} s)  {failed or ''}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} found")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
