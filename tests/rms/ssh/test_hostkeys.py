"""Who is known, by files as OpenSSH writes them."""

from dataclasses import replace

import paramiko
import pytest

from rms.ssh.config import Address, resolve
from rms.ssh.hostkeys import HostKeyRefused, algorithms, check
from tests.platform.hosts import write_key


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    for name in "ab":
        write_key(directory / name)
    return [paramiko.PKey.from_path(directory / name) for name in "ab"]


@pytest.fixture
def known(tmp_path):
    return tmp_path / "known_hosts"


@pytest.fixture
def target(tmp_path, known):
    (tmp_path / "config").write_text(f"UserKnownHostsFile {known}\nGlobalKnownHostsFile none\n")
    return resolve(Address("h.example.org", config=str(tmp_path / "config")))


def line(names, key):
    return f"{names} {key.get_name()} {key.get_base64()}"


HASHED = paramiko.HostKeys.hash_host("h.example.org")


@pytest.mark.parametrize(
    "names",
    ["h.example.org", "x,h.example.org", "H.Example.org", "*.example.org", "h.example.?rg", HASHED],
    ids=["name", "list", "case", "star", "mark", "hash"],
)
def test_a_known_host_is_let_in(target, known, keys, names):
    known.write_text(f"# a comment\n\nbroken line\nh.example.org ssh-ed25519 ????\n{line(names, keys[0])} comment\n")
    check(target, keys[0])


@pytest.mark.parametrize("names", ["other", "*.example.org,!h.example.org", "[h.example.org]:2222", "example.org"])
def test_a_host_that_is_not_meant_is_unknown(target, known, keys, names):
    known.write_text(line(names, keys[0]) + "\n")
    with pytest.raises(HostKeyRefused, match=r"h\.example\.org is not a known host: it shows ssh-ed25519 SHA256:"):
        check(target, keys[0])


def test_a_port_is_part_of_the_name(target, known, keys):
    known.write_text(line("[h.example.org]:2222", keys[0]) + "\n")
    check(replace(target, known_as="[h.example.org]:2222"), keys[0])


def test_a_changed_key_is_refused_even_if_new_ones_are_not(target, known, keys):
    known.write_text(f"\n{line('h.example.org', keys[0])}\n")
    with pytest.raises(HostKeyRefused, match="has changed") as caught:
        check(replace(target, host_keys="accept-new"), keys[1])
    said = str(caught.value)
    assert f"it shows ssh-ed25519 {keys[1].fingerprint}" in said
    assert f"known is ssh-ed25519 {keys[0].fingerprint} ({known}, line 2)" in said


def test_one_of_several_keys_is_enough(target, known, keys):
    known.write_text(f"{line('h.example.org', keys[0])}\n{line('h.example.org', keys[1])}\n")
    check(target, keys[1])


def test_a_revoked_key_is_refused(target, known, keys):
    known.write_text(f"{line('h.example.org', keys[0])}\n@revoked {line('*', keys[0])}\n")
    with pytest.raises(HostKeyRefused, match=r"revoked: .*line 2\)"):
        check(target, keys[0])


def test_a_new_host_is_entered_if_that_is_wanted(target, known, keys):
    known.write_text("no end of line")
    for _ in range(2):
        check(replace(target, host_keys="accept-new"), keys[0])
    assert known.read_text() == f"no end of line\n{line('h.example.org', keys[0])}\n"
    check(target, keys[0])


def test_a_new_file_is_private(target, tmp_path, keys):
    file = tmp_path / "ssh" / "known_hosts"
    check(replace(target, host_keys="accept-new", known_hosts=(str(file),)), keys[0])
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]


def test_a_file_that_cannot_be_written_is_named(target, tmp_path, keys):
    with pytest.raises(HostKeyRefused, match=r"cannot be entered in .*: Is a directory"):
        check(replace(target, host_keys="accept-new", known_hosts=(str(tmp_path),)), keys[0])


def test_what_is_added_to_a_file_is_noticed(target, known, keys):
    known.write_text(line("other", keys[0]) + "\n")
    with pytest.raises(HostKeyRefused, match="is not a known host"):
        check(target, keys[0])
    with known.open("a") as file:
        file.write(line("h.example.org", keys[0]) + "\n")
    check(target, keys[0])


def test_checking_can_be_given_up(target, keys):
    check(replace(target, host_keys="no"), keys[0])


def test_a_host_is_asked_for_the_kind_of_key_that_is_known(target, known):
    rsa = paramiko.RSAKey.generate(1024)
    known.write_text(line("h.example.org", rsa) + "\n")
    offered = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    assert algorithms(target, offered) == ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256")
