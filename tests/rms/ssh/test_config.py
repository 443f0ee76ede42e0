"""What is read of the configuration of SSH, and what becomes of an address by it."""

import getpass

import pytest

from rms.ssh.config import Address, resolve


@pytest.fixture
def config(tmp_path, monkeypatch):
    """`config(text)` makes that the configuration; the user's home is a directory of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "config"
    monkeypatch.setenv("NETREEL_SSH_CONFIG", str(path))
    path.touch()
    return path.write_text


def test_without_configuration_there_are_defaults(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("rms.ssh.config._SYSTEM_CONFIG", str(tmp_path / "none"))
    target = resolve(Address("h"))
    assert (target.hostname, target.port, target.username) == ("h", 22, getpass.getuser())
    assert target.identities == tuple(f"{tmp_path}/.ssh/id_{kind}" for kind in ("ed25519", "ecdsa", "rsa"))
    assert (target.host_keys, target.use_agent, target.via, target.proxy_command) == ("yes", True, None, None)
    assert target.known_hosts[0] == f"{tmp_path}/.ssh/known_hosts"
    assert (target.alive_interval, target.alive_count) == (15, 3)


def test_an_alias_is_looked_up(config, tmp_path):
    config(
        "Host lab\n HostName 10.0.0.1\n User alice\n Port 2222\n IdentityFile ~/.ssh/lab key\n IdentitiesOnly yes\n"
        " UserKnownHostsFile ~/known /other\n GlobalKnownHostsFile none\n StrictHostKeyChecking accept-new\n"
        " ServerAliveInterval 7\n ServerAliveCountMax 2\n ConnectTimeout 4\n CertificateFile ~/cert\n"
    )
    target = resolve(Address("lab"))
    assert str(target) == "alice@10.0.0.1 port 2222"
    assert target.name == "lab"
    assert target.identities == (f"{tmp_path}/.ssh/lab key",)
    assert target.certificates == (f"{tmp_path}/cert",)
    assert not target.use_agent
    assert target.known_as == "[10.0.0.1]:2222"
    assert target.known_hosts == (f"{tmp_path}/known", "/other")
    assert (target.host_keys, target.alive_interval, target.alive_count) == ("accept-new", 7, 2)
    assert target.connect_timeout == 4


def test_what_the_caller_says_comes_first(config):
    config("Host *\n User alice\n Port 2222\n IdentityFile a\n StrictHostKeyChecking no\n ProxyCommand nc %h %p\n")
    target = resolve(Address("h", username="bob", port=22, identity="/b", host_keys="yes", gateway="gw"))
    assert str(target) == "bob@h port 22"
    assert (target.identities, target.use_agent, target.host_keys) == (("/b",), False, "yes")
    assert target.proxy_command is None
    assert target.via.hostname == "gw"


def test_a_file_may_be_named_by_the_address(config, tmp_path):
    config("User alice\n")
    (tmp_path / "other").write_text("User bob\n")
    assert resolve(Address("h", config="~/other")).username == "bob"


def test_the_user_s_file_comes_before_the_system_s(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("rms.ssh.config._SYSTEM_CONFIG", str(tmp_path / "system"))
    (tmp_path / "system").write_text("User system\nPort 99\n")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host h\n User alice\nHost other\n Port 1\n")
    assert str(resolve(Address("h"))) == "alice@h port 99"


def test_files_include_others(config, tmp_path):
    (tmp_path / ".ssh" / "config.d").mkdir(parents=True)
    (tmp_path / ".ssh" / "config.d" / "a").write_text("Host a\n Port 1\n")
    (tmp_path / ".ssh" / "config.d" / "b").write_text("Host b\n Port 2\n")
    config("Include config.d/*\nInclude no-such-file\n")
    assert [resolve(Address(name)).port for name in "ab"] == [1, 2]


def test_files_that_include_themselves_are_refused(config, tmp_path):
    config(f"Include {tmp_path}/config\n")
    with pytest.raises(ValueError, match=r"config: .* include each other more than 16 deep"):
        resolve(Address("h"))


def test_gateways_may_have_several_hops(config):
    config("Host first\n User alice\nHost *\n IdentityFile /key\n")
    target = resolve(Address("h", gateway="first,bob@second:2222,[fe80::1]:99", gateway_user="carol"))
    hops = [target.via, target.via.via, target.via.via.via]
    assert [str(hop) for hop in hops] == ["carol@fe80::1 port 99", "bob@second port 2222", "carol@first port 22"]
    assert hops[2].via is None


def test_gateways_have_gateways_of_their_own(config):
    config("Host a\n ProxyJump b\nHost b\n ProxyJump c\n")
    assert [resolve(Address("a")).via.hostname, resolve(Address("a")).via.via.hostname] == ["b", "c"]


def test_a_gateway_gets_the_key_that_was_given_unless_it_has_its_own(config):
    config("Host gw\n IdentityFile /gw\n")
    assert resolve(Address("h", identity="/mine", gateway="gw")).via.identities == ("/gw",)
    assert resolve(Address("h", identity="/mine", gateway="other")).via.identities == ("/mine",)


def test_gateways_in_a_circle_are_refused(config):
    config("Host a\n ProxyJump b\nHost b\n ProxyJump a\n")
    with pytest.raises(ValueError, match="gateways go in a circle: a -> b -> a"):
        resolve(Address("a"))


def test_none_takes_a_gateway_back(config):
    config("Host h\n ProxyJump none\nHost *\n ProxyJump gw\n")
    assert resolve(Address("h")).via is None


def test_another_name_may_be_known(config):
    config("Host h\n HostKeyAlias lab\n Port 2222\n")
    assert resolve(Address("h")).known_as == "lab"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Port many\n", "config: port 'many': must be a number"),
        ("StrictHostKeyChecking maybe\n", "config: StrictHostKeyChecking 'maybe': must be one of yes, ask, accept-new"),
        ("Port\n", "config: Unparsable line Port"),
        ("ProxyJump a:b\n", r"gateway 'a:b' of h: must be \[user@\]host\[:port\]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(config, text, message):
    config(text)
    with pytest.raises(ValueError, match=message):
        resolve(Address("h"))


@pytest.mark.parametrize("name", ["", "-oProxyCommand=x", "a b", "a\nb", "$(id)", "`id`", "a'b", "a;b"])
def test_what_is_no_name_is_refused(config, name):
    with pytest.raises(ValueError, match=r"hostname .*: must be a name or an address"):
        resolve(Address(name))
    if name:
        with pytest.raises(ValueError, match=r"username .*: must be a name or an address"):
            resolve(Address("h", username=name))


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused(config, port):
    with pytest.raises(ValueError, match=f"port {port} of h: must be from 1 to 65535"):
        resolve(Address("h", port=port))


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(ValueError, match="no: there is no such file of SSH configuration"):
        resolve(Address("h", config=str(tmp_path / "no")))


def test_equal_targets_share_whatever_their_alias(config):
    config("Host a b\n HostName h\n")
    assert resolve(Address("a")) == resolve(Address("b"))
