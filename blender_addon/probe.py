# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backend can be reached, and if not, what is wrong: no answer, another key, another version.

probe = Probe(path, "Blender 4.5")
while (verdict := probe.poll()) is None: ...      # on a timer; never blocks
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .client import Client, State
from .protocol import Connection, ErrorCode, ProtocolError, read_connection


class Finding(StrEnum):
    """What a test of the connection can come to."""

    ANSWERS = "answers"
    NO_FILE = "no_file"
    """There is no connection file, or it cannot be used."""
    NO_ANSWER = "no_answer"
    WRONG_KEY = "wrong_key"
    WRONG_VERSION = "wrong_version"
    STRANGER = "stranger"
    """Something answers that is no backend, or not the one the file is from."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result, for the user."""

    finding: Finding
    sentence: str
    hint: str = ""

    @property
    def good(self) -> bool:
        return self.finding is Finding.ANSWERS


FINDINGS = {
    ErrorCode.WRONG_KEY: Finding.WRONG_KEY,
    ErrorCode.WRONG_VERSION: Finding.WRONG_VERSION,
    ErrorCode.NOT_ALLOWED: Finding.NO_FILE,
}
HINTS = {
    Finding.NO_FILE: "The command maquette keys makes a connection file for a backend on another machine.",
    Finding.NO_ANSWER: "See that the backend runs there, that the address is right, and that no firewall is between.",
    Finding.WRONG_KEY: "On this machine, connect by the file of the running backend: it has a new key at each start. "
    "From another one, have your public key put on the backend's list, and check the backend's own.",
    Finding.WRONG_VERSION: "Install the same release of Maquette here and where the backend runs.",
    Finding.STRANGER: "Restart the backend, and take the connection file it writes.",
}


class Probe:
    """One attempt to say Hello; it is over as soon as there is a verdict."""

    def __init__(
        self,
        endpoint: Path | Connection,
        name: str,
        open_client: Callable[..., Client] = Client,
    ) -> None:
        self._client: Client | None = None
        self._verdict: Verdict | None = None
        try:
            connection = endpoint if isinstance(endpoint, Connection) else read_connection(endpoint)
        except ProtocolError as error:
            self._verdict = Verdict(Finding.NO_FILE, str(error))
            return
        self._address = connection.address
        self._client = open_client(connection, name)

    def poll(self) -> Verdict | None:
        """The verdict, None while the answer is awaited; a few seconds at most."""
        if self._verdict is None and self._client is not None:
            self._client.drain()
            self._verdict = self._judge(self._client)
            if self._verdict is not None:
                self.close()
        return self._verdict

    def wait(self) -> Verdict:
        """The verdict, blocking."""
        while (verdict := self.poll()) is None:
            if self._client is not None:
                self._client.wait(0.05)
        return verdict

    def close(self) -> None:
        """Ends the attempt."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _judge(self, client: Client) -> Verdict | None:
        if client.state is State.READY and client.welcome is not None:
            devices = client.welcome.capabilities.get("devices", [])
            names = ", ".join(str(each.get("name", "?")) for each in devices) or "no device yet"
            sentence = f"Maquette {client.welcome.version} answers at {self._address} ({names})."
            return Verdict(Finding.ANSWERS, sentence)
        if client.state is State.REFUSED:
            finding = FINDINGS.get(client.code or ErrorCode.INTERNAL, Finding.STRANGER)
            return Verdict(finding, client.problem, HINTS[finding])
        if client.state is State.LOST:
            sentence = f"Nothing answers at {self._address}."
            return Verdict(Finding.NO_ANSWER, sentence, HINTS[Finding.NO_ANSWER])
        return None
