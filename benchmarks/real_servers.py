"""Send to a real Postfix on loopback, and compare what lies in its mailboxes with what was sent.

    python benchmarks/real_servers.py [--messages 1500] [--plain] [--keep-dsn FILE]

Postfix (Debian's ``postfix`` package) runs with its own configuration, queue and mailboxes in a
temporary folder, and delivers to one Maildir a recipient. Every letter must arrive once, byte for
byte; so must one of 8-bit text whose lines begin with dots. One recipient is taken and then
unknown: Postfix's own delivery status notification must come back to the sender. Prints JSON;
leaves with 1 if anything is amiss. Postfix must be started by root.
"""

import argparse
import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from send import SLUG, circumstances, workspace

from buzz.core.letter import message_hash
from buzz.edges import smtp
from buzz.edges.store import deliveries, open_store
from buzz.model import DeliveryState
from buzz.pipeline import send
from buzz.pipeline.mail import next_hop

DAEMONS = "/usr/lib/postfix/sbin"
PATIENCE_S = 120  # for the last letter to be delivered
SENDER, DOTTED, GONE = "lettre@parti.example", "dots@blogs.example", "gone@late.example"
DOTS = "Subject: points\r\n\r\n.\r\n..\r\n...trois\r\n.é à ü\r\nfin\r\n".encode()

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = {daemons}
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
myhostname = postfix.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
local_recipient_maps =
virtual_mailbox_domains = blogs.example parti.example late.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_reject_unlisted_recipient = no
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
local_header_rewrite_clients =
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def can_run() -> bool:
    """Tell whether Postfix is here and may be started."""
    return os.geteuid() == 0 and Path(DAEMONS, "master").exists()


@contextmanager
def postfix(folder: Path, mailboxes: int) -> Iterator[int]:
    """Run a Postfix of its own in this folder, with so many mailboxes, and give its port."""
    owner = pwd.getpwnam("postfix")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("config", "queue", "data", "mail"):
        (folder / name).mkdir()
    for name in ("data", "mail"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    names = {"folder": folder, "daemons": DAEMONS, "uid": owner.pw_uid, "gid": owner.pw_gid}
    (folder / "config" / "main.cf").write_text(MAIN.format(**names))
    (folder / "config" / "master.cf").write_text(MASTER.format(port=port))
    boxes = [*(f"b{n}@blogs.example" for n in range(mailboxes)), DOTTED, SENDER]
    lines = [f"{address} {address.partition('@')[0]}/\n" for address in boxes]
    (folder / "mailboxes").write_text("".join(lines))
    command = ("postfix", "-c", str(folder / "config"))
    subprocess.run((*command, "start"), check=True, capture_output=True)
    try:
        yield port
    finally:
        subprocess.run((*command, "stop"), check=False, capture_output=True)


def arrived(folder: Path) -> dict[str, list[bytes]]:
    """Return the messages in each mailbox, as they were before Postfix wrote above them."""
    found: dict[str, list[bytes]] = {}
    for file in (folder / "mail").glob("*/new/*"):
        content = file.read_bytes().replace(b"\n", b"\r\n")
        received = content.index(b"\r\nReceived: ") + 2
        end = received
        while (end := content.index(b"\r\n", end) + 2) and content[end : end + 1] in b"\t ":
            pass
        found.setdefault(file.parent.parent.name, []).append(content[end:])
    return found


def wait_for(folder: Path, count: int) -> None:
    """Wait until so many messages lie in the mailboxes, or nothing more can be hoped for."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if sum(1 for _file in (folder / "mail").glob("*/new/*")) >= count:
            return
        threading.Event().wait(0.05)


def measure(folder: Path, messages: int, *, pipelining: bool) -> tuple[dict[str, object], bytes]:
    """Return what came of so many letters, and Postfix's notification of the one it gave up."""
    (folder / "workspace").mkdir()
    server = folder / "postfix"
    server.mkdir()
    with postfix(server, messages) as port:
        made = workspace(folder / "workspace", port, messages, 5)
        settings = replace(made, smtp=replace(made.smtp, pipelining=pipelining))
        with closing(open_store(settings.database_url)) as store:
            send.plan(settings, store, SLUG, settings.now())
            begun = time.perf_counter()
            result = send.start(settings, store, SLUG, settings.now())
            seconds = time.perf_counter() - begun
            with store.read() as tx:
                rows = deliveries.of_campaign(tx, SLUG)
        hop = next_hop(settings)
        smtp.send_one(hop, mail_from=SENDER, rcpt_to=DOTTED, message=DOTS)
        smtp.send_one(hop, mail_from=SENDER, rcpt_to=GONE, message=DOTS)
        wait_for(server, messages + 2)
    found = arrived(server)
    (dsn,) = found.get("lettre", [b""])
    letters = {row.email.partition("@")[0]: row for row in rows}
    facts = {
        "messages": messages,
        "accepted": result.account.accepted,
        "arrived": sum(name in found for name in letters),
        "doubled": sum(len(found.get(name, ())) > 1 for name in letters),
        "changed": sum(
            message_hash(found[name][0]) != row.message_hash
            for name, row in letters.items()
            if name in found and row.state is DeliveryState.ACCEPTED
        ),
        "dots_and_8_bit_intact": found.get("dots") == [DOTS],
        "notified": b"Final-Recipient: rfc822; " + GONE.encode() in dsn,
        "messages_per_s": round(messages / seconds),
        "pipelining": pipelining,
        "server": "Postfix " + version(),
    }
    return facts, dsn


def version() -> str:
    command = ("postconf", "-dh", "mail_version")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--plain", action="store_true", help="do not send ahead")
    parser.add_argument("--keep-dsn", type=Path, help="where Postfix's notification is written to")
    given = parser.parse_args()
    if not can_run():
        parser.error("needs Debian's postfix package, and root to start it")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        facts, dsn = measure(Path(folder), given.messages, pipelining=not given.plain)
    if given.keep_dsn:
        given.keep_dsn.write_bytes(dsn)
    print(json.dumps({**facts, **circumstances()}))
    is_sound = (
        facts["accepted"] == facts["arrived"] == given.messages
        and not facts["doubled"]
        and not facts["changed"]
        and facts["dots_and_8_bit_intact"]
        and facts["notified"]
    )
    return int(not is_sound)


if __name__ == "__main__":
    sys.exit(main())
