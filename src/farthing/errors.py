"""Every error that farthing raises on purpose.

    FarthingError
    |-- UsageError                 wrong use or configuration: exit 2
    |   `-- SettingsError          wrong settings, all of them listed
    |-- MoneyError
    |   |-- AmountError            not an amount, or one that cannot be kept exactly
    |   `-- CurrencyError          two currencies where one is needed
    |-- SourceError                the source of costs did not answer
    |   |-- CredentialsError       none, wrong or expired
    |   |-- AccessError            known, but not allowed
    |   |-- DataUnavailableError   the service has no data (yet)
    |   |-- RequestError           the service refuses the question (too old, malformed)
    |   |-- UnreachableError       network, throttling or the service itself, after retries
    |   |-- AnswerError            an answer that contradicts itself
    |   |-- ExportError            a billing export that cannot be read, or not whole
    |   `-- RequestCapError        more billed requests needed than allowed
    |-- LedgerError                the ledger cannot be read or written
    |   |-- ConflictError          somebody else wrote the object in between
    |   |-- CorruptError           an object that is not what it should be
    |   `-- ScopeError             the ledger holds another scope or source
    |-- DeliveryError              a channel did not take a message
    `-- RunError                   a run that ended, but not well

Adapters raise these ``from`` the original; only the command line and the Lambda entry catch. The message is one
line for a person: what is wrong, where, and what to do. It never holds a secret.
"""

from collections.abc import Sequence


class FarthingError(Exception):
    """The root. ``exit_code`` is what a command ends with: 1 failed, 2 wrong use or configuration."""

    exit_code = 1


class UsageError(FarthingError):
    """Wrong use of a command, or wrong configuration."""

    exit_code = 2


class SettingsError(UsageError):
    """Wrong settings. ``problems`` lists every one of them, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 setting is wrong" if count == 1 else f"{count} settings are wrong"
        super().__init__(f"{head}: " + "; ".join(self.problems))


class MoneyError(FarthingError):
    """An amount that cannot be used as money."""


class AmountError(MoneyError):
    """Not an amount, or one that cannot be kept exactly (more than 18 decimals)."""


class CurrencyError(MoneyError):
    """Two currencies where one is needed; the message names both."""


class SourceError(FarthingError):
    """The source of costs did not answer. The ledger is as it was, plus what was complete."""


class CredentialsError(SourceError):
    """No credentials, wrong ones, or expired ones. Final: a retry does not help."""


class AccessError(SourceError):
    """The identity is known but may not ask. Final."""


class DataUnavailableError(SourceError):
    """The service has no data for this account or period (yet). Final for this run."""


class RequestError(SourceError):
    """The service refuses the question itself. Final."""


class UnreachableError(SourceError):
    """No network, throttling or a failing service, after the retries were used up."""


class AnswerError(SourceError):
    """The service answered something that contradicts itself or its documentation."""


class ExportError(SourceError):
    """A billing export that cannot be read, or not whole; the message names the file."""


class RequestCapError(SourceError):
    """More billed requests would be needed than ``max_billed_requests`` allows."""


class LedgerError(FarthingError):
    """The ledger cannot be read or written."""


class QueryFailedError(LedgerError):
    """An engine could not answer: what it reads has changed or gone since it was opened, or it gave up."""


class ConflictError(LedgerError):
    """A conditional write met an object that somebody else wrote in between: read again and retry."""


class CalledOffError(FarthingError):
    """Whoever asked does not wait for the answer any more."""

    def __init__(self) -> None:
        super().__init__("nobody waits for the answer any more")


class CorruptError(LedgerError):
    """An object in the ledger is not what it should be; the message names it and the way out."""


class ScopeError(LedgerError):
    """The ledger holds days of another scope or source; one ledger never mixes them."""


class DeliveryError(FarthingError):
    """A channel did not take a message.

    ``retryable`` tells whether the same message may pass later without anybody mending something;
    ``retry_after`` is what the service asked for, in seconds, or None.
    """

    def __init__(self, message: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after


class RunError(FarthingError):
    """A run that kept what it could but did not do all it should; the message says what is left."""
