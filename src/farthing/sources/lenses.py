"""Lenses: further groupings of the same bill, each one more question a day.

    region    record-type    tag:team    category:Product

Cost Explorer groups by two keys at most, so each lens tells its own key by service. Its reports stand under
``cost_data/lenses/<name>/``.
"""

import hashlib
import re

import msgspec

from farthing.sources import CostSource

SPELLINGS = "region, record-type, tag:KEY, category:NAME"
_PLAIN = re.compile(r"[a-z0-9_-][a-z0-9._-]*")


class Lens(msgspec.Struct, frozen=True):
    """One grouping.

    Attributes:
        spelled: as it is written in the settings.
        name: its folder in the ledger.
        column: what its values are called in a report's rows.
        kind: the Type of Cost Explorer's GroupBy.
        key: the Key of it.
    """

    spelled: str
    name: str
    column: str
    kind: str
    key: str

    def value(self, told: str) -> str:
        """The value in a group's key as Cost Explorer tells it: 'team$core' is 'core', '' where there is none."""
        return told if self.kind == "DIMENSION" else told.removeprefix(f"{self.key}$")


REGION = Lens("region", "region", "RegionId", "DIMENSION", "REGION")
RECORD_TYPE = Lens("record-type", "record-type", "x_RecordType", "DIMENSION", "RECORD_TYPE")
TAG_COLUMN = "Tags/"
CATEGORY_COLUMN = "x_CostCategories/"


def parse_lens(text: str) -> Lens:
    """The lens of that spelling.

    Raises:
        ValueError: there is none; the message names the spellings.
    """
    for lens in (REGION, RECORD_TYPE):
        if text == lens.spelled:
            return lens
    kind, _, key = text.partition(":")
    key = key.strip()
    if kind == "tag" and key:
        return Lens(f"tag:{key}", _folder("tag", key), TAG_COLUMN + key, "TAG", key)
    if kind == "category" and key:
        return Lens(f"category:{key}", _folder("category", key), CATEGORY_COLUMN + key, "COST_CATEGORY", key)
    raise ValueError(f"has the lens {text!r}: write {SPELLINGS}")


def lens_of(column: str) -> Lens | None:
    """The lens whose reports have this column, None if no lens could."""
    for lens in (REGION, RECORD_TYPE):
        if column == lens.column:
            return lens
    for prefix, kind in ((TAG_COLUMN, "tag"), (CATEGORY_COLUMN, "category")):
        if column.startswith(prefix) and column != prefix:
            return parse_lens(f"{kind}:{column.removeprefix(prefix)}")
    return None


def spelled(source: CostSource) -> str:
    """How the lens that a source asks for is written, '' for the daily question."""
    lens = lens_of(source.source.group_by[1])
    return lens.spelled if lens else ""


def _folder(kind: str, key: str) -> str:
    """A name that no other key shares, also where a file system does not tell upper from lower case."""
    if _PLAIN.fullmatch(key):
        return f"{kind}-{key}"
    slug = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return f"{kind}-{slug}-{hashlib.sha256(key.encode()).hexdigest()[:8]}".replace("--", "-")
