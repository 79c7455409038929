"""What every AWS adapter shares: how clients are set up, and how AWS's errors read to a person."""

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import (
    ConnectionError as AWSConnectionError,
)
from botocore.parsers import ResponseParserError

from farthing.errors import (
    AccessError,
    AnswerError,
    CredentialsError,
    DataUnavailableError,
    FarthingError,
    RequestError,
    UnreachableError,
)

# botocore's default retry mode differs between versions; 'standard' retries throttling, 5xx and broken connections with
# jittered backoff. Five attempts take some ten seconds at most, well within a Lambda's time.
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=60)

CONFIG_WITHIN_CLAIM = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=5)
"""For what is asked while an alert is claimed: its 60 s must be enough for this and for three tries of the channel."""

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Everything that a boto3 call raises by itself; the last is what a proxy's HTML page or half a body becomes."""

LEAST_BOTO3 = "1.35.77"
"""The first whose put_object knows If-Match."""

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
UNKNOWN = {
    *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *(
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "IncompleteSignature",
        "InvalidSignatureException",
    ),
}
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "OptInRequired",
    "AllAccessDisabled",
    "403",
}
BUSY = {
    *(
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    ),
    *(
        "RequestLimitExceeded",
        "SlowDown",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalFailure",
    ),
    *(
        "InternalServerError",
        "InternalServerException",
        "InternalError",
        "RequestTimeout",
        "RequestTimeoutException",
    ),
    *("PriorRequestNotComplete", "BandwidthLimitExceeded", "ServiceException"),
}
NO_DATA = {"DataUnavailableException", "BillingViewHealthStatusException"}
CREDENTIAL_ERRORS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
LOG_IN = "log in again (`aws sso login`, new keys, or a fresh role session) and run again"


def writes_conditionally(boto3_version: str) -> bool:
    """Whether a boto3 of this version knows S3's conditional writes."""

    def ordered(version: str) -> list[int]:
        return [int(part) for part in version.split(".")[:3]]

    return ordered(boto3_version) >= ordered(LEAST_BOTO3)


def explain(error: Exception, service: str, action: str) -> FarthingError:
    """The project's own error for what boto3 raised: one sentence with the way out.

    Args:
        error: what the call raised.
        service: its name for people, e.g. 'Cost Explorer'.
        action: the IAM action that the call needs, e.g. 'ce:GetCostAndUsage'.
    """
    if isinstance(error, ClientError):
        return _explain_answer(error, service, action)
    if isinstance(error, CREDENTIAL_ERRORS):
        return CredentialsError(
            f"no usable AWS credentials for {service} ({_line(error)}): set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
            f"AWS_SECRET_ACCESS_KEY, or {LOG_IN}"
        )
    if isinstance(error, NoRegionError):
        return RequestError(f"no AWS region for {service}: set AWS_REGION")
    if isinstance(error, ResponseParserError):
        return AnswerError(
            f"{service} answered something else than its protocol: is a proxy in between? ({_line(error)})"
        )
    if isinstance(error, AWSConnectionError | HTTPClientError):
        return UnreachableError(
            f"{service} cannot be reached ({_line(error)}): check the network, the proxy and any AWS_ENDPOINT_URL"
        )
    return RequestError(f"{service} could not be asked: {_line(error)}")


def _explain_answer(error: ClientError, service: str, action: str) -> FarthingError:
    code = error_code(error)
    said = _line(Exception(error.response.get("Error", {}).get("Message") or code))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in EXPIRED:
        return CredentialsError(f"the AWS session has expired ({code} from {service}): {LOG_IN}")
    if code in UNKNOWN:
        return CredentialsError(f"AWS does not know these credentials ({code} from {service}): {LOG_IN}")
    if code in DENIED:
        return AccessError(
            f"{service} refuses access ({said}): allow {action} to this identity; for Cost Explorer it must be in the "
            "payer account, with Cost Explorer enabled and IAM access to billing activated"
            if service == "Cost Explorer"
            else f"{service} refuses access ({said}): allow {action} to this identity"
        )
    if code in NO_DATA:
        return DataUnavailableError(
            f"{service} has no data for this account and period yet ({said}): a new account needs up to 24 h "
            "after Cost Explorer was enabled; nothing was billed, run again later"
        )
    if code == "BillExpirationException":
        return RequestError(f"{service} no longer has the bill for this period ({said}): ask for a later start")
    if code in BUSY or status >= 500:
        return UnreachableError(f"{service} is busy or failing ({code}), also after retries: run again in some minutes")
    if code in ("InvalidNextTokenException", "RequestChangedException"):
        return AnswerError(f"{service} lost its place between two pages ({code}): nothing is lost, run again")
    return RequestError(f"{service} refuses the request ({code}): {said}")


def error_code(error: ClientError) -> str:
    """AWS's code for the error, '' if it gave none."""
    return error.response.get("Error", {}).get("Code", "")


def _line(error: Exception) -> str:
    """What an error says, as one line of bounded length."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= 300 else text[:297] + "..."
