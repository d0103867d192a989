"""What each error of botocore means to bictl: one table by S3's code, one by the vendor's class.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. A code that is not
listed is judged by its HTTP status; a class by its nearest listed ancestor.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.exceptions as vendor

from bictl.clients.listener import certificate_hint
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    MissingDependency,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)

BY_CODE: dict[str, type[BictlError]] = {
    "AccessDenied": AccessDenied,
    "AccountProblem": AccessDenied,
    "AllAccessDisabled": AccessDenied,
    "ExpiredToken": AccessDenied,
    "Forbidden": AccessDenied,
    "InvalidAccessKeyId": AccessDenied,
    "InvalidToken": AccessDenied,
    "SignatureDoesNotMatch": AccessDenied,
    "RequestTimeTooSkewed": ConfigError,
    "AuthorizationHeaderMalformed": ConfigError,
    "InvalidBucketName": ConfigError,
    "PermanentRedirect": ConfigError,
    "MovedPermanently": ConfigError,
    "BadDigest": Unreachable,
    "InternalError": Unreachable,
    "OperationAborted": Unreachable,
    "RequestTimeout": TimedOut,
    "ServiceUnavailable": Unreachable,
    "SlowDown": Unreachable,
    "Throttling": Unreachable,
}

BY_CLASS: dict[type[BaseException], type[BictlError]] = {
    vendor.HTTPClientError: Unreachable,
    vendor.ConnectionError: Unreachable,
    vendor.ConnectTimeoutError: TimedOut,
    vendor.ReadTimeoutError: TimedOut,
    vendor.SSLError: ConfigError,
    vendor.IncompleteReadError: Unreachable,
    vendor.ChecksumError: Unreachable,
    vendor.FlexibleChecksumError: Unreachable,
    vendor.CapacityNotAvailableError: Unreachable,
    vendor.MetadataRetrievalError: Unreachable,
    vendor.NoCredentialsError: ConfigError,
    vendor.PartialCredentialsError: ConfigError,
    vendor.UnknownCredentialError: ConfigError,
    vendor.CredentialRetrievalError: AccessDenied,
    vendor.NoAuthTokenError: AccessDenied,
    vendor.TokenRetrievalError: AccessDenied,
    vendor.SSOError: AccessDenied,
    vendor.LoginError: AccessDenied,
    vendor.RefreshWithMFAUnsupportedError: AccessDenied,
    vendor.ProfileNotFound: ConfigError,
    vendor.ConfigNotFound: ConfigError,
    vendor.ConfigParseError: ConfigError,
    vendor.InvalidConfigError: ConfigError,
    vendor.InvalidRegionError: ConfigError,
    vendor.UnknownRegionError: ConfigError,
    vendor.NoRegionError: ConfigError,
    vendor.BaseEndpointResolverError: ConfigError,
    vendor.EndpointProviderError: ConfigError,
    vendor.InvalidDNSNameError: ConfigError,
    vendor.InvalidHostLabelError: ConfigError,
    vendor.InvalidProxiesConfigError: ConfigError,
    vendor.InvalidIMDSEndpointError: ConfigError,
    vendor.InvalidIMDSEndpointModeError: ConfigError,
    vendor.InvalidEndpointConfigurationError: ConfigError,
    vendor.InvalidEndpointDiscoveryConfigurationError: ConfigError,
    vendor.InvalidS3UsEast1RegionalEndpointConfigError: ConfigError,
    vendor.InvalidSTSRegionalEndpointsConfigError: ConfigError,
    vendor.InvalidDefaultsMode: ConfigError,
    vendor.InvalidRetryConfigurationError: ConfigError,
    vendor.InvalidS3AddressingStyleError: ConfigError,
    vendor.InvalidChecksumConfigError: ConfigError,
    vendor.UnsupportedS3ConfigurationError: ConfigError,
    vendor.UnsupportedS3ArnError: ConfigError,
    vendor.UnsupportedS3AccesspointConfigurationError: ConfigError,
    vendor.ServiceNotInRegionError: ConfigError,
    vendor.UnknownSignatureVersionError: ConfigError,
    vendor.UnsupportedSignatureVersionError: ConfigError,
    vendor.UnknownTokenProviderError: ConfigError,
    vendor.ParamValidationError: ConfigError,
    vendor.ValidationError: ConfigError,
    vendor.MissingDependencyException: MissingDependency,
    vendor.DataNotFoundError: MissingDependency,
    vendor.MD5UnavailableError: MissingDependency,
    vendor.ClientError: StageFailed,
}

_HINTS: dict[type[BictlError], str] = {
    TimedOut: "see whether the object store is up (bictl doctor), then run the same command again",
    Unreachable: "is the object store up, and s3.endpoint_url right? (bictl config show)",
    AccessDenied: "correct s3.access_key_id and s3.secret_access_key, or the bucket's policy"
    " (bictl config show says where the values come from)",
    ConfigError: "correct [s3] in the configuration (bictl config show)",
}


_CODE_HINTS = {
    "InternalError": "the object store answers and fails: its log says why, often a full disk; then"
    " run the same command again",
    "RequestTimeTooSkewed": "set this machine's clock and the store's by NTP",
    "InvalidAccessKeyId": "correct s3.access_key_id (bictl config show says where it comes from)",
    "SignatureDoesNotMatch": "correct s3.secret_access_key "
    "(bictl config show says where it comes from)",
}


def meaning(error: BaseException) -> type[BictlError]:
    """The bictl error for one of botocore's."""
    if isinstance(error, vendor.ClientError):
        return BY_CODE.get(code_of(error)) or _by_status(status_of(error))
    kinds = (BY_CLASS[base] for base in type(error).__mro__ if base in BY_CLASS)
    return next(kinds, StageFailed)


def code_of(error: vendor.ClientError) -> str:
    """S3's word for the error; a HEAD has no body, so it is the HTTP status there."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: vendor.ClientError) -> int:
    """The HTTP status; 0 when there was none."""
    answer: dict[str, Any] = dict(error.response.get("ResponseMetadata", {}))
    return int(answer.get("HTTPStatusCode", 0))


def is_store(error: BaseException | None) -> bool:
    """Whether the error is an answer in S3's own words."""
    return isinstance(error, vendor.ClientError) and not code_of(error).isdigit()


def is_missing(error: BaseException) -> bool:
    """Whether a bucket or an object is not there."""
    return isinstance(error, vendor.ClientError) and status_of(error) == 404


@contextmanager
def object_errors(doing: str) -> Iterator[None]:
    """Turns botocore's errors inside the block into bictl's."""
    try:
        yield
    except (vendor.BotoCoreError, vendor.ClientError) as error:
        if is_missing(error):
            raise NotFound("object", doing.rpartition(" ")[2], hint=_NOT_THERE) from error
        kind = meaning(error)
        raise kind(f"{doing}: {_words(error)}", hint=_hint(error, kind)) from error


def _hint(error: BaseException, kind: type[BictlError]) -> str | None:
    if isinstance(error, vendor.ClientError) and code_of(error) in _CODE_HINTS:
        return _CODE_HINTS[code_of(error)]
    inner = _cause(error)
    if isinstance(inner, socket.gaierror):
        return (
            "correct s3.endpoint_url; the name of a container is known inside its network only: "
            "from the host use localhost and the published port"
        )
    if isinstance(inner, ssl.SSLCertVerificationError) or isinstance(error, vendor.SSLError):
        return certificate_hint(_reason(error), key="s3.endpoint_url", ca="s3.ca_file")
    return _HINTS.get(kind)


def _reason(error: BaseException) -> str:
    """The machine's own words for a connection that did not come about; else nothing."""
    inner = _cause(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"no trusted TLS connection: {inner.verify_message}"
    if isinstance(error, vendor.SSLError):  # urllib3 compares the names itself
        return f"no trusted TLS connection: {error.kwargs.get('error')}"
    return inner.strerror if inner is not None and inner.strerror else ""


def _cause(error: BaseException) -> OSError | None:
    """The error of the machine behind one of botocore's."""
    inner: object = getattr(error, "kwargs", {}).get("error")
    while isinstance(inner, BaseException):
        if isinstance(inner, OSError) and inner.strerror:
            return inner
        following = (*inner.args, inner.__cause__, inner.__context__)
        inner = next((one for one in following if isinstance(one, BaseException)), None)
    return None


_QUERY = re.compile(r"\?[^\s\"]*")  # botocore shows the whole request
_NOT_THERE = "it was deleted, or the bucket was: bictl verify"


def _by_status(status: int) -> type[BictlError]:
    if status in {401, 403}:
        return AccessDenied
    return Unreachable if status >= 500 or status == 429 else StageFailed


def _words(error: BaseException) -> str:
    if not isinstance(error, vendor.ClientError):
        return _reason(error) or _QUERY.sub("", str(error))
    message = str(error.response.get("Error", {}).get("Message", "")).strip()
    return f"{code_of(error) or status_of(error)}: {message}".strip(": ")
