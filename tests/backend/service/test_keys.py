# SPDX-License-Identifier: GPL-3.0-or-later
import os
from pathlib import Path

import pytest

from backend.service.errors import ServiceError
from backend.service.keys import SERVER_KEYS, new_pair, public_of, server_pair, write_client_file
from blender_addon.protocol import is_curve_key, read_connection


def test_a_pair_belongs_together_and_hides_its_secret() -> None:
    pair = new_pair()
    assert is_curve_key(pair.public) and is_curve_key(pair.secret) and public_of(pair.secret) == pair.public
    assert pair.secret not in repr(pair) and new_pair() != pair


def test_the_server_keeps_its_pair(tmp_path: Path) -> None:
    pair = server_pair(tmp_path / "store")
    assert server_pair(tmp_path / "store") == pair
    if os.name == "posix":
        assert (tmp_path / "store" / SERVER_KEYS).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_secret_that_others_can_read_is_none(tmp_path: Path) -> None:
    server_pair(tmp_path)
    (tmp_path / SERVER_KEYS).chmod(0o640)
    with pytest.raises(ServiceError, match="other users") as caught:
        server_pair(tmp_path)
    assert "new public key" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"public": "a", "secret": "b"}', "exchanged"])
def test_a_damaged_file_is_not_replaced_in_silence(tmp_path: Path, text: str) -> None:
    server_pair(tmp_path)
    path = tmp_path / SERVER_KEYS
    path.write_text(path.read_text().replace(new_pair().public[:1], "0") if text == "exchanged" else text)
    if text == "exchanged":
        path.write_text(f'{{"public": "{new_pair().public}", "secret": "{new_pair().secret}"}}')
    before = path.read_text()
    with pytest.raises(ServiceError, match="damaged"):
        server_pair(tmp_path)
    assert path.read_text() == before


def test_a_clients_file_holds_all_it_needs_and_is_its_owners_alone(tmp_path: Path) -> None:
    server = new_pair().public
    public = write_client_file(tmp_path / "new" / "gpu.json", "tcp://192.0.2.1:5555", server)
    connection = read_connection(tmp_path / "new" / "gpu.json")  # which refuses files that others can read
    assert (connection.address, connection.server, connection.key) == ("tcp://192.0.2.1:5555", server, "")
    assert public_of(connection.secret) == public and connection.secret not in repr(connection)
    with pytest.raises(ServiceError, match="there already"):
        write_client_file(tmp_path / "new" / "gpu.json", "tcp://192.0.2.1:5555", server)


@pytest.mark.parametrize(
    ("address", "server"), [("192.0.2.1:5555", "a" * 64), ("tcp://host", "a" * 64), ("tcp://h:1", "a")]
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, address: str, server: str) -> None:
    with pytest.raises(ServiceError) as caught:
        write_client_file(tmp_path / "c.json", address, server)
    assert caught.value.hint and not (tmp_path / "c.json").exists()
