"""A ledger in an S3 bucket.

Every write is conditional (``If-None-Match: *`` or ``If-Match``): S3 answers 412 where the object is in another state
and 409 where two writers met; both are a ConflictError here.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from farthing.aws import AWS_ERRORS, error_code, explain
from farthing.errors import ConflictError, FarthingError, LedgerError
from farthing.ledger.store import Entry, Stored, checked

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READ_ACTIONS = ("s3:GetObject",)
WRITE_ACTIONS = ("s3:PutObject",)
LIST_ACTIONS = ("s3:ListBucket",)
"""Without it, S3 answers for a key that is not there as if access were denied."""

CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}

READERS = 8
"""Objects read at once: a read is mostly waiting, and boto3 keeps ten connections."""


class S3Store:
    """The store port over a bucket.

    Args:
        client: a boto3 S3 client, 1.35.77 or newer (conditional writes).
        bucket: the bucket's name.
        prefix: what stands before every key, '' or ending in '/'.
        kms_key_id: encrypts with this key; without it, with S3's own (AES256).
    """

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "", kms_key_id: str | None = None) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._encryption: dict[str, str] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
            if kms_key_id
            else {"ServerSideEncryption": "AES256"}
        )

    def read(self, key: str) -> Stored | None:  # noqa: D102 - the port says it
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
            return Stored(answer["Body"].read(), answer["ETag"])
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None
            raise self._explained(error, READ_ACTIONS[0]) from error
        except AWS_ERRORS as error:
            raise self._explained(error, READ_ACTIONS[0]) from error

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:  # noqa: D102
        ahead: deque[Future[Stored | None]] = deque()
        with ThreadPoolExecutor(READERS, thread_name_prefix="farthing-s3") as pool:
            try:
                for key in keys:
                    ahead.append(pool.submit(self.read, key))
                    # A few wait for the caller, never all of them: a large report is megabytes.
                    if len(ahead) > READERS:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for waiting in ahead:
                    waiting.cancel()

    def create(self, key: str, data: bytes) -> str:  # noqa: D102
        return self._put(key, data, {"IfNoneMatch": "*"})

    def replace(self, key: str, data: bytes, etag: str) -> str:  # noqa: D102
        return self._put(key, data, {"IfMatch": etag})

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:  # noqa: D102
        return (entry.key for entry in self._listed(prefix, after))

    def entries(self, prefix: str) -> Iterator[Entry]:  # noqa: D102
        return self._listed(prefix)

    def _listed(self, prefix: str, after: str = "") -> Iterator[Entry]:
        start: Any = {"StartAfter": self._prefix + after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix, **start
        )
        try:
            for page in pages:
                for item in page.get("Contents", []):
                    yield Entry(item["Key"].removeprefix(self._prefix), item["ETag"])
        except AWS_ERRORS as error:
            raise self._explained(error, LIST_ACTIONS[0]) from error

    def locate(self, key: str) -> str:  # noqa: D102
        return f"s3://{self._bucket}/{self._name(key)}"

    def _name(self, key: str) -> str:
        return self._prefix + checked(key)

    def _put(self, key: str, data: bytes, condition: dict[str, str]) -> str:
        arguments: dict[str, Any] = {
            **condition,
            **self._encryption,
            "Bucket": self._bucket,
            "Key": self._name(key),
            "Body": data,
            "ContentType": "application/json" if key.endswith(".json") else "application/octet-stream",
        }
        try:
            return self._client.put_object(**arguments)["ETag"]
        except ClientError as error:
            # An object that is gone answers If-Match with 404: to the writer it is the same conflict.
            if error_code(error) in CONFLICTS or ("IfMatch" in condition and error_code(error) in ("NoSuchKey", "404")):
                raise ConflictError(f"{self.locate(key)} was written by somebody else in between; run again") from error
            raise self._explained(error, WRITE_ACTIONS[0]) from error
        except AWS_ERRORS as error:
            raise self._explained(error, WRITE_ACTIONS[0]) from error

    def _explained(self, error: Exception, action: str) -> FarthingError:
        if isinstance(error, ClientError) and error_code(error) == "NoSuchBucket":
            return LedgerError(f"there is no bucket {self._bucket!r}: set BUCKET_NAME to the ledger's bucket")
        return explain(error, f"S3 (bucket {self._bucket})", action)
