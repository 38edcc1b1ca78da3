# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.service.errors import ServiceError
from backend.service.security import bind_address, new_key, new_session, same_key


def test_keys_are_long_and_never_the_same() -> None:
    assert len({new_key() for _ in range(20)}) == 20
    assert len(new_key()) == 64
    assert new_session() != new_session()


def test_only_the_same_key_opens() -> None:
    key = new_key()
    assert same_key(key, key)
    assert not any(same_key(given, key) for given in ("", key[:-1], key + "0", key.upper(), "ключ"))


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("127.0.0.1", 0, "tcp://127.0.0.1:*"),
        ("localhost", 5555, "tcp://127.0.0.1:5555"),
        ("127.9.9.9", 1, "tcp://127.9.9.9:1"),
        ("::1", 7, "tcp://[::1]:7"),
    ],
)
def test_loopback_may_be_bound(host: str, port: int, address: str) -> None:
    assert bind_address(host, port) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "", "192.168.1.5", "example.org", "::", "127.0.0.1:5 "])
def test_nothing_else_may(host: str) -> None:
    with pytest.raises(ServiceError, match="unencrypted") as caught:
        bind_address(host, 0)
    assert "SSH tunnel" in caught.value.hint


def test_a_port_is_a_port() -> None:
    with pytest.raises(ServiceError, match="65535"):
        bind_address("127.0.0.1", 70000)
