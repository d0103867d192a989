"""Every error class of the vendors means something, and a new one fails here until it does."""

import inspect

import botocore.exceptions
import kafka.errors
import pytest

from bictl.clients import object_errors, topic_errors
from bictl.errors import (
    AccessDenied,
    BictlError,
    ConfigError,
    NotFound,
    StageFailed,
    TimedOut,
    Unreachable,
)

# Answers of a broker that bictl never has a better word for than "refused": they stand here so that
# the next release's additions do not become one of them unseen.
REFUSALS = set(
    """BrokerIdNotRegisteredError BrokerResponseError CorruptRecordError
    DuplicateBrokerRegistrationError DuplicateResourceError DuplicateSequenceNumberError
    DuplicateVoterError FeatureUpdateFailedError FencedInstanceIdError FencedMemberEpochError
    FencedStateEpochError GroupIdNotFoundError GroupMaxSizeReachedError GroupSubscribedToTopicError
    IllegalGenerationError InconsistentClusterIdError InconsistentGroupProtocolError
    InconsistentVoterSetError IneligibleReplicaError InvalidCommitOffsetSizeError
    InvalidConfigurationError InvalidFetchRequestError InvalidPartitionsError
    InvalidPrincipalTypeError InvalidProducerEpochError InvalidProducerIdMappingError
    InvalidRecordError InvalidRecordStateError InvalidRegistrationError
    InvalidReplicationAssignmentError InvalidReplicationFactorError InvalidRequestError
    InvalidRequiredAcksError InvalidSessionTimeoutError InvalidTimestampError
    InvalidTransactionTimeoutError InvalidTxnStateError InvalidUpdateVersionError
    InvalidVoterKeyError LogDirNotFoundError MemberIdRequiredError MessageSizeTooLargeError
    MismatchedEndpointTypeError NoError NoReassignmentInProgressError NonEmptyGroupError
    OffsetMetadataTooLargeError OffsetMovedToTieredStorageError OffsetOutOfRangeError
    OperationNotAttemptedError OutOfOrderSequenceNumberError PolicyViolationError
    PositionOutOfRangeError PrincipalDeserializationFailureError ProducerFencedError
    ReassignmentInProgressError RebalanceInProgressError RecordListTooLargeError
    ResourceNotFoundError SnapshotNotFoundError StaleMemberEpochError TelemetryTooLargeError
    TopicAlreadyExistsError TopicDeletionDisabledError TransactionAbortableError
    TransactionCoordinatorFencedError TransactionalIdNotFoundError UnknownError
    UnknownMemberIdError UnknownProducerIdError UnknownSubscriptionIdError
    UnreleasedInstanceIdError UnsupportedAssignorError UnsupportedCompressionTypeError
    UnsupportedEndpointTypeError UnsupportedForMessageFormatError VoterNotFoundError""".split()  # noqa: SIM905
)
# Classes of botocore for what bictl does not use; StageFailed with their own words is right.
UNUSED = set(
    """ApiVersionNotFoundError AwsChunkedWrapperError EndpointVariantError EventStreamError
    InvalidExpressionError InvalidMaxRetryAttemptsError MissingParametersError
    OperationNotPageableError PaginationError StubAssertionError StubResponseError
    UnStubbedResponseError UndefinedModelAttributeError UnknownClientMethodError
    UnknownServiceStyle UnseekableStreamError UnsupportedOutpostResourceError
    UnsupportedS3ControlArnError UnsupportedS3ControlConfigurationError
    UnsupportedServiceProtocolsError WaiterConfigError WaiterError MissingServiceIdError
    BotoCoreError ImminentRemovalWarning UnsupportedTLSVersionWarning""".split()  # noqa: SIM905
)


def classes(module) -> list[type]:
    found = (item for _, item in inspect.getmembers(module, inspect.isclass))
    return [item for item in found if issubclass(item, Exception)]


KAFKA = [item for item in classes(kafka.errors) if item is not kafka.errors.KafkaError]


@pytest.mark.parametrize("error", KAFKA, ids=lambda item: item.__name__)
def test_every_class_of_kafka_errors_is_in_the_table(error):
    meaning = topic_errors.meaning(error)
    assert meaning is not None
    if topic_errors.MEANINGS.get(error.__name__) is None and meaning is StageFailed:
        assert error.__name__ in REFUSALS | {"InvalidReceiveError"}


def test_the_table_holds_no_name_that_kafka_errors_does_not():
    assert set(topic_errors.MEANINGS) <= {item.__name__ for item in KAFKA}


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (kafka.errors.KafkaConnectionError, Unreachable),
        (kafka.errors.KafkaTimeoutError, TimedOut),
        (kafka.errors.LeaderNotAvailableError, Unreachable),
        (kafka.errors.TopicAuthorizationFailedError, AccessDenied),
        (kafka.errors.SaslAuthenticationFailedError, AccessDenied),
        (kafka.errors.CorruptRecordError, StageFailed),
    ],
)
def test_what_an_operator_has_to_tell_apart_is_told_apart(error, meaning):
    assert topic_errors.meaning(error) is meaning
    raised = topic_errors.translate(error("why"), doing="read t 0:5")
    assert type(raised) is meaning
    assert raised.message.startswith("read t 0:5: ")


@pytest.mark.parametrize("error", classes(botocore.exceptions), ids=lambda item: item.__name__)
def test_every_class_of_botocore_is_in_the_table(error):
    listed = [base for base in error.__mro__ if base in object_errors.BY_CLASS]
    assert listed or error.__name__ in UNUSED


def client_error(code: str, status: int) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError(
        {
            "Error": {"Code": code, "Message": "so it is"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "PutObject",
    )


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("InvalidAccessKeyId", 403, AccessDenied),
        ("SignatureDoesNotMatch", 403, AccessDenied),
        ("403", 403, AccessDenied),
        ("SomethingNew", 401, AccessDenied),
        ("SlowDown", 503, Unreachable),
        ("SomethingNew", 502, Unreachable),
        ("RequestTimeout", 400, TimedOut),
        ("BadDigest", 400, Unreachable),
        ("PermanentRedirect", 301, ConfigError),
        ("EntityTooLarge", 400, StageFailed),
        ("NoSuchKey", 404, NotFound),
    ],
)
def test_an_answer_of_s3_is_judged_by_its_code_then_by_its_status(code, status, meaning):
    with pytest.raises(BictlError) as caught, object_errors.object_errors("write a/b"):
        raise client_error(code, status)
    assert type(caught.value) is meaning
    assert caught.value.__cause__ is not None
