"""Figures as people read them. Rounding happens here and nowhere else."""

from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal

from farthing.model import ZERO

_ROUNDING = Context(prec=76, rounding=ROUND_HALF_EVEN)
_CENT = Decimal("0.01")


def number(amount: Decimal) -> str:
    """An amount with thousands separators, to the cent; one below a cent with two significant digits."""
    if amount and abs(amount) < _CENT:
        return format(_ROUNDING.quantize(amount, Decimal(1).scaleb(amount.adjusted() - 1)), "f")
    cents = _ROUNDING.quantize(amount, _CENT)
    return f"{cents if cents else abs(cents):,}"


def money(amount: Decimal, currency: str) -> str:
    """An amount with its currency: '1,234.50 USD'."""
    return f"{number(amount)} {currency}"


def signed(amount: Decimal) -> str:
    """A change: '+12.00', '-3.10', '±0.00'."""
    text = number(amount)
    if amount > ZERO:
        return f"+{text}"
    return text if amount < ZERO else f"±{text}"


def day_name(day: date) -> str:
    """A day that nobody can misread: 'Sun 22 Nov 2026', the same in every locale."""
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[day.month - 1]
    return f"{weekday} {day.day} {month} {day.year}"


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` characters; what was cut shows as an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def several(count: int, noun: str) -> str:
    """'1 day', '3 days'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
