"""What the simulated service refuses with."""

from __future__ import annotations

from collections.abc import Sequence


class ServiceError(Exception):
    """A refusal as the service words it: `code` and `message` of the JSON protocol, `status` of HTTP."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """See the class."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> ServiceError:
    """A ValidationException."""
    return ServiceError("ValidationException", message)


def violated(violations: Sequence[str]) -> ServiceError:
    """A ValidationException that counts and lists what is wrong with the members."""
    noun = "error" if len(violations) == 1 else "errors"
    return invalid(f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")
