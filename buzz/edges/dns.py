"""Questions to the DNS, for the doctor: an answer is a value, whatever happens."""

import dns.exception
import dns.rdatatype
import dns.resolver
import dns.reversename

from buzz.core.doctor import Answer, Question
from buzz.locales import gettext as _

TIMEOUT_S = 5.0  # for one question in all


class Resolver:
    """Asks the system's name servers, or others; each question once."""

    def __init__(self, nameservers: tuple[str, ...] = (), port: int = 53) -> None:
        """Choose whom to ask; none: the system's name servers."""
        self._nameservers = nameservers
        self._port = port
        self._resolver: dns.resolver.Resolver | None = None
        self._answers: dict[Question, Answer] = {}

    def ask(self, question: Question) -> Answer:
        """Return what the DNS says."""
        if question not in self._answers:
            self._answers[question] = self._ask(question)
        return self._answers[question]

    def _ask(self, question: Question) -> Answer:
        try:
            name = question.name
            if question.kind == "PTR":
                name = dns.reversename.from_address(name).to_text()
            found = self._ready().resolve(name, question.kind, lifetime=TIMEOUT_S, search=False)
            return Answer(tuple(map(_text, found)))
        except dns.resolver.NXDOMAIN:
            return Answer(exists=False)
        except dns.resolver.NoAnswer:
            return Answer()
        except dns.exception.Timeout:
            return Answer(trouble=_("no name server answers"))
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as exc:
            words = str(exc) or type(exc).__name__
            return Answer(trouble=_("the DNS cannot be asked: {why}").format(why=words))

    def _ready(self) -> dns.resolver.Resolver:
        if self._resolver is None:  # reads /etc/resolv.conf, which may be missing
            self._resolver = dns.resolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                self._resolver.nameservers = list(self._nameservers)
            self._resolver.port = self._port
        return self._resolver


def _text(record: object) -> str:
    """Return a record as a zone file has it; of a TXT record its strings, joined."""
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("utf-8", "replace")
    return str(record)
