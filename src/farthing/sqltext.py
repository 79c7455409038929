"""Names, texts and files as they stand in SQL; what did not come from the code is quoted here or is a parameter."""

from pathlib import Path


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def escaped(file: Path | str) -> str:
    """A file's name that DuckDB takes for a name and not for a pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(file))
