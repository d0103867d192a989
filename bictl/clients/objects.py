"""The bucket: list, read, and write new objects only, so that nothing is ever overwritten."""

import base64
import builtins
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache, cached_property
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import botocore.exceptions as vendor

from bictl.clients.awaited import awaiting
from bictl.clients.backoff import pauses
from bictl.clients.lifecycle import Expiry, parse_rules
from bictl.clients.listener import listener, patiently
from bictl.clients.object_errors import code_of, is_missing, is_store, object_errors, status_of
from bictl.clients.topic_reach import is_loopback
from bictl.clients.whole_headers import WholeHeaders
from bictl.errors import AccessDenied, BictlError, ConfigError, NotFound, StageFailed
from bictl.settings import S3

_TRIES = 4  # botocore's own, in its standard mode: it repeats what a later try may change
_EXISTS = {304, 412}  # 304: MinIO before 2024
_NO_RULES = "NoSuchLifecycleConfiguration"
_NOT_OFFERED = {405, 501}
_CONFLICT = 409  # another conditional write of the key was at work: the outcome is open
_CUT_OFF = (
    vendor.IncompleteReadError,
    vendor.ReadTimeoutError,
    vendor.ResponseStreamingError,
)
_PAUSE, _LONGEST = 0.1, 2.0  # seconds between two tries of our own
_T = TypeVar("_T")
_POOL = 16  # connections: as many as threads ask at once


@dataclass(frozen=True)
class ObjectInfo:
    """An object as a listing shows it; `size` in bytes."""

    key: str
    size: int
    etag: str
    modified: datetime


class ObjectStore:
    """One bucket of an S3-compatible store; safe to be used by several threads.

    `timeout` is how many seconds an answer may take. Every method raises Unreachable or TimedOut
    without an answer, AccessDenied for refused credentials, NotFound for a missing bucket.
    """

    def __init__(self, s3: S3, *, timeout: float = 30.0) -> None:
        self._s3, self._timeout = s3, timeout
        self._met = False  # whether the store has answered
        self.bucket = s3.bucket

    @property
    def in_clear(self) -> bool:
        """Whether objects travel unencrypted to another machine."""
        endpoint = urlsplit(self._s3.endpoint_url)
        return endpoint.scheme == "http" and not is_loopback(endpoint.hostname or "")

    def check(self) -> None:
        """The bucket exists and the credentials may list it; NotFound lists existing buckets."""
        try:
            self._ask(
                lambda: self._client.list_objects_v2(Bucket=self.bucket, Prefix="\x7f", MaxKeys=1)
            )
        except (vendor.ClientError, vendor.BotoCoreError) as error:
            self._raise(error, f"look into bucket {self.bucket} at {self._where}")

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose keys start with `prefix` and come behind `after`, in ascending order."""
        options = {"StartAfter": after} if after else {}
        for page in self._pages(prefix, **options):
            for found in page.get("Contents", []):
                if found["Key"] > after:
                    yield ObjectInfo(
                        key=found["Key"],
                        size=found["Size"],
                        etag=found["ETag"].strip('"'),
                        modified=found["LastModified"],
                    )

    def folders(self, prefix: str) -> builtins.list[str]:
        """The prefixes one level below `prefix`, which ends with a slash; whole, as is each."""
        return [
            found["Prefix"]
            for page in self._pages(prefix, Delimiter="/")
            for found in page.get("CommonPrefixes", [])
        ]

    def head(self, key: str) -> tuple[ObjectInfo, dict[str, str]]:
        """The object's description and its user metadata; NotFound("object")."""
        with object_errors(f"look at {key}"):
            answer = self._ask(lambda: self._client.head_object(Bucket=self.bucket, Key=key))
        info = ObjectInfo(
            key=key,
            size=answer["ContentLength"],
            etag=answer["ETag"].strip('"'),
            modified=answer["LastModified"],
        )
        return info, _metadata(answer)

    def get(self, key: str) -> tuple[bytes, dict[str, str]]:
        """The object's bytes and its user metadata; NotFound("object")."""
        waits = pauses(_PAUSE, _LONGEST)
        for left in reversed(range(_TRIES)):
            with object_errors(f"read {key}"):
                answer = self._ask(lambda: self._client.get_object(Bucket=self.bucket, Key=key))
                try:
                    return answer["Body"].read(), _metadata(answer)
                except _CUT_OFF:  # botocore repeats a request, but not the reading of its body
                    if not left:
                        raise
            time.sleep(next(waits))
        raise AssertionError("the last try returns or raises")

    def put_new(
        self,
        key: str,
        body: bytes,
        *,
        metadata: dict[str, str],
        content_type: str = "application/octet-stream",
    ) -> bool:
        """Writes the object if the key is free; False when it exists, whoever wrote it.

        A try whose answer was lost is repeated, and then finds its own object: False as well.
        """
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        waits = pauses(_PAUSE, _LONGEST)
        for left in reversed(range(_TRIES)):
            try:
                self._ask(
                    lambda: self._client.put_object(
                        Bucket=self.bucket,
                        Key=key,
                        Body=body,
                        ContentMD5=digest,
                        ContentType=content_type,
                        Metadata=metadata,
                        IfNoneMatch="*",
                    )
                )
            except vendor.ClientError as error:
                if status_of(error) in _EXISTS:
                    return False
                if status_of(error) != _CONFLICT or not left:
                    self._raise(error, f"write {key}")
            except vendor.BotoCoreError as error:
                self._raise(error, f"write {key}")
            else:
                return True
            time.sleep(next(waits))
        raise AssertionError("the last try returns or raises")

    def put(self, key: str, body: bytes, *, content_type: str = "application/octet-stream") -> None:
        """Writes the object over whatever stands there: for what is a memory and no batch."""
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        try:
            self._ask(
                lambda: self._client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    ContentMD5=digest,
                    ContentType=content_type,
                )
            )
        except (vendor.ClientError, vendor.BotoCoreError) as error:
            self._raise(error, f"write {key}")

    def clock(self) -> datetime:
        """The store's own time, to the second: the Date of an answer."""
        with object_errors(f"look at bucket {self.bucket}"):
            answer = self._ask(lambda: self._client.head_bucket(Bucket=self.bucket))
        date: str = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return parsedate_to_datetime(date)

    def expiries(self) -> builtins.list[Expiry]:
        """The bucket's lifecycle rules that delete objects; StageFailed where the store has no such
        thing, AccessDenied where these credentials may not ask."""
        doing = f"read the lifecycle rules of bucket {self.bucket}"
        try:
            answer = self._client.get_bucket_lifecycle_configuration(Bucket=self.bucket)
        except vendor.ClientError as error:
            if code_of(error) == _NO_RULES:
                return []
            if status_of(error) in _NOT_OFFERED:
                raise StageFailed(f"{doing}: {self._where} does not offer it") from error
            self._raise(error, doing)
        except vendor.BotoCoreError as error:
            self._raise(error, doing)
        return parse_rules(answer.get("Rules", []))  # a store may not know the question

    def create_bucket(self) -> None:
        """Makes the bucket; for the local stack and for tests."""
        with object_errors(f"create bucket {self.bucket}"):
            self._client.create_bucket(Bucket=self.bucket)

    def delete(self, key: str) -> None:
        """Removes an object; no error when it is not there."""
        with object_errors(f"delete {key}"):
            self._client.delete_object(Bucket=self.bucket, Key=key)

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        _notice_broken_headers()
        custom = bool(self._s3.endpoint_url)
        checksums: Any = "when_required" if custom else "when_supported"
        with object_errors(f"open the object store {self._where}"):
            return boto3.client(
                "s3",
                endpoint_url=self._s3.endpoint_url or None,
                region_name=self._s3.region,
                aws_access_key_id=self._s3.access_key_id or None,
                aws_secret_access_key=self._s3.secret_access_key.reveal(),
                verify=self._s3.ca_file or None,
                config=Config(
                    connect_timeout=min(10.0, self._timeout),
                    read_timeout=self._timeout,
                    retries={"mode": "standard", "total_max_attempts": _TRIES},
                    max_pool_connections=_POOL,
                    s3={"addressing_style": "path" if custom else "auto"},
                    request_checksum_calculation=checksums,
                    response_checksum_validation=checksums,
                ),
            )

    def _ask(self, question: Callable[[], _T]) -> _T:
        """The answer; the first question to a store finds out whether it is one."""
        with awaiting(f"the object store at {self._where}"):
            if self._met:
                return question()
            try:
                return patiently(question, self._suspect)
            finally:
                self._met = True

    def _suspect(self, error: BaseException | None) -> None:
        """ConfigError when another service listens at the endpoint, or listens otherwise: botocore
        would wait for its answer, and more than once."""
        endpoint = urlsplit(self._s3.endpoint_url)
        if not endpoint.hostname or is_store(error):
            return
        port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
        found = listener(endpoint.hostname, port)
        if found is not None and not found.is_web(endpoint.scheme):
            raise ConfigError(
                f"expected an object store at {self._s3.endpoint_url} (s3.endpoint_url), "
                f"found {found.words}",
                hint=found.scheme_hint("s3.endpoint_url", endpoint)
                or "correct s3.endpoint_url (bictl config show); its port is often 9000",
            ) from error

    @property
    def _where(self) -> str:
        return self._s3.endpoint_url or f"AWS {self._s3.region}"

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, **options
        )
        following = iter(pages)
        try:
            while (page := self._ask(lambda: next(following, None))) is not None:
                yield page
        except (vendor.ClientError, vendor.BotoCoreError) as error:
            self._raise(error, f"list s3://{self.bucket}/{prefix} at {self._where}")

    def _raise(self, error: Exception, doing: str) -> NoReturn:
        if is_missing(error):
            raise NotFound(
                "bucket", self.bucket, where=f"at {self._where}", **self._other_buckets()
            ) from error
        with object_errors(doing):
            raise error
        raise AssertionError("object_errors raises what it is given")

    def _other_buckets(self) -> dict[str, Any]:
        """What NotFound says about the others; credentials for one bucket may not list them."""
        try:
            with object_errors("list the buckets"):
                found = self._client.list_buckets()["Buckets"]
        except AccessDenied:
            return {"hint": "correct s3.bucket; these credentials may not list the others"}
        except BictlError:
            return {"hint": "correct s3.bucket, or create it"}
        return {"existing": [bucket["Name"] for bucket in found]}


@cache
def _notice_broken_headers() -> None:
    """Has botocore try again where an answer broke off in its headers, maybe in the metadata."""
    from botocore import awsrequest

    class Continued(awsrequest.AWSHTTPResponse, WholeHeaders):
        """The answer behind a "100 Continue"."""

    awsrequest.AWSHTTPResponse = Continued  # type: ignore[misc]
    for kind in (awsrequest.AWSHTTPConnection, awsrequest.AWSHTTPSConnection):
        kind.response_class = WholeHeaders  # type: ignore[assignment]


def _metadata(answer: dict[str, Any]) -> dict[str, str]:
    """User metadata; some stores give the names as HTTP headers are usually written."""
    return {name.lower(): value for name, value in answer.get("Metadata", {}).items()}
