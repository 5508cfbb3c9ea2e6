"""An IMAP server for tests: enough of RFC 3501 for a client that searches, fetches and marks."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from servers import CERTIFICATE, PASSWORD, USER


@dataclass
class Folder:
    """The one folder of the server; uids count from 1."""

    messages: list[bytes]
    seen: set[int] = field(default_factory=set)
    drops_at: int = 0  # uid at whose FETCH the line drops


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        folder: Folder = self.server.folder  # type: ignore[attr-defined]  # set by imap()
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, command = line.decode().strip().split(" ", 1)
            if not self._answer(folder, tag, command):
                return

    def _answer(self, folder: Folder, tag: str, command: str) -> bool:
        """Answer a command; tell whether the line stays open."""
        verb = command.upper().removeprefix("UID ").partition(" ")[0]
        if verb == "FETCH" and int(command.split()[2]) == folder.drops_at:
            return False
        said = getattr(self, f"_{verb.lower()}")(folder, command) or "OK done"
        self._say(f"{tag} {said}")
        return verb != "LOGOUT"

    def _capability(self, _folder: Folder, _command: str) -> None:
        self._say("* CAPABILITY IMAP4rev1")

    def _login(self, _folder: Folder, command: str) -> str:
        fits = command == f'LOGIN {USER} "{PASSWORD}"'
        return "" if fits else "NO [AUTHENTICATIONFAILED] wrong password"

    def _select(self, folder: Folder, command: str) -> str:
        self._say(f"* {len(folder.messages)} EXISTS")
        return "" if '"INBOX"' in command else "NO no such folder"

    def _search(self, folder: Folder, _command: str) -> None:
        unseen = (n + 1 for n in range(len(folder.messages)) if n + 1 not in folder.seen)
        self._say(f"* SEARCH {' '.join(map(str, unseen))}".rstrip())

    def _fetch(self, folder: Folder, command: str) -> None:
        uid = int(command.split()[2])
        raw = folder.messages[uid - 1]
        self._say(f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(raw)}}}")
        self.wfile.write(raw + b")\r\n")

    def _store(self, folder: Folder, command: str) -> None:
        folder.seen |= {int(uid) for uid in re.findall(r"\d+", command.split()[2])}

    def _logout(self, _folder: Folder, _command: str) -> None:
        self._say("* BYE")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def imap(folder: Folder) -> Iterator[int]:
    """Run the server over TLS, and give its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)

    class _Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> tuple[ssl.SSLSocket, object]:
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True), address

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us is a test's business, not the output's."""

    with _Server(("127.0.0.1", 0), _Session) as server:
        server.folder = folder  # type: ignore[attr-defined]  # read by the session
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
