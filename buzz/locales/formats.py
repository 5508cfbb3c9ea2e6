"""Numbers, dates and spans as people write them in the language in force.

For eyes only: machine output keeps ISO 8601 and the decimal point. Babel (CLDR) knows the rules;
it is imported when something is formatted, because most commands that start need none of it.
Times are shown as on the wall in Paris, where the desk works.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from buzz.locales import gettext as _
from buzz.locales import language

PARIS = ZoneInfo("Europe/Paris")
_LOCALES = {"fr": "fr_FR", "en": "en_GB"}  # day before month in both


def number(n: float, digits: int = 0) -> str:
    """Return a number with grouped thousands and exactly so many decimals.

    >>> number(12345), number(2.5, digits=2)
    ('12,345', '2.50')
    """
    from babel.numbers import format_decimal  # noqa: PLC0415  (slow to import)

    decimals = "." + "0" * digits if digits else ""
    return format_decimal(n, format="#,##0" + decimals, locale=_locale())


def percent(share: float, digits: int = 0) -> str:
    """Return a share of 1 as a percentage.

    >>> percent(0.123), percent(0.123, digits=1)
    ('12%', '12.3%')
    """
    from babel import Locale  # noqa: PLC0415  (slow to import)
    from babel.numbers import format_percent  # noqa: PLC0415

    pattern = Locale.parse(_locale()).percent_formats[None].pattern  # "#,##0%", in French "… %"
    decimals = "." + "0" * digits if digits else ""
    return format_percent(share, format=pattern.replace("0", "0" + decimals, 1), locale=_locale())


def day(value: date) -> str:
    """Return a date with the month's short name; of an aware time, the date on the wall in Paris.

    >>> day(date(2026, 3, 2)), day(datetime.fromisoformat("2026-03-01T23:30:00+00:00"))
    ('2 Mar 2026', '2 Mar 2026')
    """
    from babel.dates import format_date  # noqa: PLC0415  (slow to import)

    if isinstance(value, datetime):
        value = value.astimezone(PARIS).date()
    return format_date(value, format="d MMM y", locale=_locale())


def moment(value: datetime) -> str:
    """Return an aware time as date and minute on the wall in Paris.

    >>> moment(datetime.fromisoformat("2026-03-02T04:05:59+00:00"))
    '2 Mar 2026 at 05:05'
    """
    from babel.dates import format_time  # noqa: PLC0415  (slow to import)

    local = value.astimezone(PARIS)
    return _("{day} at {time}").format(
        day=day(local.date()), time=format_time(local, format="HH:mm", locale=_locale())
    )


def span(value: timedelta) -> str:
    """Return a span in the largest unit of which there are at least two, rounded.

    >>> span(timedelta(minutes=90)), span(timedelta(hours=50)), span(timedelta(seconds=1))
    ('90 minutes', '2 days', '1 second')
    """
    from babel.dates import format_timedelta  # noqa: PLC0415  (slow to import)

    return format_timedelta(value, threshold=2, locale=_locale())


def _locale() -> str:
    return _LOCALES[language()]
