"""What an application needs on its host before it can start, and how that gets there."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from rms import shell
from rms._patience import until_answered
from rms.linux._jobs import Job, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from engine.rm.base import Intent
    from rms.linux.application import Application
    from rms.linux.host import Host

STDIN: Final = "stdin"
"""The name of a file with the standard input, among those of the application's own."""

_DEPENDS: Final = resources.files("rms.linux").joinpath("depends.sh").read_text("utf-8")
_FETCH: Final = resources.files("rms.linux").joinpath("fetch.sh").read_text("utf-8")
_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_PACKAGE: Final = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@._+:=~/-]*")
_PLACES: Final = {"sources": "src", "files": "share", "libs": "lib", "bins": "bin"}
_LONGEST_PATH: Final = 4096  # bytes, with Linux


# --- attributes as they may be given ----------------------------------------------------------------------------


def paths(given: list[str] | str) -> list[str]:
    """Several paths, given as a list or separated by semicolons."""
    return [path for each in given.split(";") if (path := each.strip())] if isinstance(given, str) else list(given)


def packages(given: list[str] | str) -> list[str]:
    """Several packages, given as a list or separated by blanks."""
    return given.split() if isinstance(given, str) else list(given)


def check_paths(given: list[str] | str) -> None:
    """Refuse two paths that would be one file on the host."""
    seen: dict[str, str] = {}
    for path in paths(given):
        name = file_name(path)
        if not name:
            raise ValueError(f"{path!r} names no file")
        if name in seen:
            raise ValueError(f"{seen[name]!r} and {path!r} have the same name, and would be one file on the host")
        seen[name] = path


def check_packages(given: list[str] | str) -> None:
    """Refuse what is no name of a package."""
    for package in packages(given):
        if not _PACKAGE.fullmatch(package):
            raise ValueError(f"{package!r} is no name of a package")


def file_name(path: str) -> str:
    """What a local path or a URL is called on the host."""
    name = Path(unquote(urlsplit(path).path)).name if _URL.match(path) else Path(path).name
    return "" if name == ".." else name


def local_file(text: str | bytes | None) -> Path | None:
    """The file that a text names, if there is one on this machine: where NEPI takes either."""
    if not isinstance(text, str) or "\n" in text or not 0 < len(text) < _LONGEST_PATH:
        return None
    path = Path(text)
    return path if path.is_file() else None


# --- getting it there -------------------------------------------------------------------------------------------


def bring(app: Application, host: Host, intent: Intent, done: Callable[[str, str], None]) -> None:
    """Bring all that an application needs to its host.

    Args:
        app: the application.
        host: where it is to run.
        intent: of the hook.
        done: told the name and the token of each job that has been done.

    Raises:
        FileNotFoundError: a file is not on this machine.
        CommandFailed: the host refused, or a command failed; the message has its last lines.
        TransportLost: the host does not answer, and the result is not wanted any more.
    """
    for name, directory, entries in _uploads(app, host):
        _upload(app, host, intent, entries, directory, executable=name == "bins")
    for job in jobs(app, host):
        if job.name == "depends":
            intent.doing("waiting for another installation on its host")
            with host.installing:
                token = run_job(host, app, intent, job)
        else:
            token = run_job(host, app, intent, job)
        done(job.name, token)


def _uploads(app: Application, host: Host) -> Iterator[tuple[str, str, Mapping[str, Path | bytes]]]:
    for name, place in _PLACES.items():
        local = [path for path in paths(getattr(app, name)) if not _URL.match(path)]
        if local:
            yield name, host.layout.shared(place), {file_name(path): _existing(name, path) for path in local}
    own = _own_files(app)
    if own:
        yield "code", host.layout.application(app.guid), own


def _upload(
    app: Application,
    host: Host,
    intent: Intent,
    entries: Mapping[str, Path | bytes],
    directory: str,
    *,
    executable: bool,
) -> None:
    from rms.linux._archive import packed  # noqa: PLC0415 - most applications bring nothing, and need no tarfile

    intent.doing(f"sending {', '.join(entries)}")
    with packed(entries, executable=executable) as archive:
        until_answered(intent, app.log, host.place, archive, directory)


def _own_files(app: Application) -> dict[str, Path | bytes]:
    """What is put into the directory of the application itself."""
    own: dict[str, Path | bytes] = {}
    if app.code is not None:
        own["code"] = local_file(app.code) or shell.encoded("code", app.code)
    stdin = local_file(app.stdin)
    if stdin:
        own[STDIN] = stdin
    return own


def _existing(attribute: str, path: str) -> Path:
    found = Path(path).expanduser()
    if not found.exists():
        raise FileNotFoundError(f"{attribute}: there is no {str(found.absolute())!r} on this machine")
    return found


def jobs(app: Application, host: Host) -> Iterator[Job]:
    """What is run on the host before the application can start, in this order."""
    env = host.layout.variables(app.guid)
    home = host.layout.application(app.guid)
    urls = [path for path in paths(app.sources) if _URL.match(path)]
    if urls:
        words = [word for url in urls for word in (url, file_name(url))]
        what = f"fetching {' '.join(urls)}"
        yield Job("sources", _script(words, _FETCH), env, host.layout.shared("src"), what)
    if app.depends:
        words = [host.facts["packager"], *packages(app.depends)]
        what = f"installing {' '.join(words[1:])} with {words[0]}"
        yield Job("depends", _script(words, _DEPENDS), env, home, what)
    if app.build:
        yield Job("build", app.build, env, home)
    if app.install:
        yield Job("install", app.install, env, home)


def _script(args: list[str], text: str) -> str:
    return f"set -- {shell.words(args)}\n{text}"
