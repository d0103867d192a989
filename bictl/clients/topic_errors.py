"""What each error of kafka-python means to bictl: one table, by the name of the vendor's class.

The nearest named ancestor decides, so a class that the vendor adds under a named one is covered.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    MissingDependency,
    StageFailed,
    TimedOut,
    Unreachable,
)

MEANINGS: dict[str, type[BictlError]] = {
    # no answer, or an answer that asks to come again
    "RetriableError": Unreachable,
    "KafkaTimeoutError": TimedOut,
    "RequestTimedOutError": TimedOut,
    "BrokerNotAvailableError": Unreachable,
    "UnknownBrokerIdError": Unreachable,
    "QuotaViolationError": Unreachable,
    "StaleBrokerEpochError": Unreachable,
    "StaleControllerEpochError": Unreachable,
    "UnknownControllerIdError": Unreachable,
    "NewLeaderElectedError": Unreachable,
    # rights and credentials
    "AuthorizationError": AccessDenied,
    "SaslAuthenticationFailedError": AccessDenied,
    "UnacceptableCredentialError": AccessDenied,
    "DelegationTokenAuthDisabledError": AccessDenied,
    "DelegationTokenExpiredError": AccessDenied,
    "DelegationTokenNotFoundError": AccessDenied,
    "DelegationTokenOwnerMismatchError": AccessDenied,
    "DelegationTokenRequestNotAllowedError": AccessDenied,
    # what a person has to configure or install
    "KafkaConfigurationError": ConfigError,
    "IllegalArgumentError": ConfigError,
    "UnsupportedSaslMechanismError": ConfigError,
    "IllegalSaslStateError": ConfigError,
    "SecurityDisabledError": ConfigError,
    "InvalidTopicError": ConfigError,
    "InvalidGroupIdError": ConfigError,
    "UnrecognizedBrokerVersion": ConfigError,
    "IncompatibleBrokerVersion": ConfigError,
    "UnsupportedVersionError": ConfigError,
    "UnsupportedCodecError": MissingDependency,
    # the broker understood and refused, or kafka-python gave up
    "BrokerResponseError": StageFailed,
    "KafkaProtocolError": StageFailed,
    "CommitFailedError": StageFailed,
    "IllegalStateError": StageFailed,
    "LogTruncationError": StageFailed,
    "NoOffsetForPartitionError": StageFailed,
    "TransactionAbortedError": StageFailed,
}

# What kafka-python says in its own words only: where a broker went away, or never came.
_PLAIN = {
    "NodeNotReadyError": "no broker answers",
    "NoBrokersAvailable": "no broker answers",
    "BrokerNotAvailableError": "no broker answers",
    "KafkaConnectionError": "the connection broke",
    "KafkaTimeoutError": "no answer in time",
    "RequestTimedOutError": "no answer in time",
}

HINTS: dict[type[BictlError], str] = {
    TimedOut: "see whether the broker is up (bictl doctor), then run the same command again",
    Unreachable: "see whether the broker is up (bictl doctor), then run the same command again",
    AccessDenied: "correct kafka.sasl_username and its password, or the topic's ACLs"
    " (bictl config show says where the values come from)",
    ConfigError: "correct [kafka] in the configuration (bictl config show)",
    MissingDependency: "install the codecs that bictl depends on: lz4, python-snappy, zstandard",
}


def meaning(error: type[BaseException]) -> type[BictlError] | None:
    """The bictl error for a class of kafka.errors; None when the table does not know it."""
    for ancestor in error.__mro__:
        if ancestor.__name__ in MEANINGS:
            return MEANINGS[ancestor.__name__]
    return None


def translate(error: BaseException, *, doing: str, reason: str = "") -> BictlError:
    """The bictl error that says what was tried and what came; `reason` is better than the error."""
    kind = meaning(type(error)) or StageFailed
    plain = _PLAIN.get(type(error).__name__)
    return kind(f"{doing}: {reason or plain or error}", hint=HINTS.get(kind))


@contextmanager
def kafka_errors(doing: str) -> Iterator[None]:
    """Turns kafka-python's errors inside the block into bictl's."""
    import kafka

    try:
        yield
    except kafka.errors.KafkaError as error:
        raise translate(error, doing=doing) from error
