"""Errors of the server package, and the one mapping from errors to gRPC statuses.

GistwireServerError             anything that the server refuses or cannot do
├── InvalidRequestError         fields of the request break their limits
├── MalformedRequestError       the bytes of a request are no message of the contract
├── PageTokenError
│   ├── PageTokenInvalidError   the token was not made by this deployment, or was changed
│   ├── PageTokenMismatchError  the request differs from that of the first page
│   └── PageTokenExpiredError   the token is older than tokens are kept
├── ResumeTokenError
│   ├── ResumeTokenInvalidError   the token was not made by this deployment, or was changed
│   ├── ResumeTokenMismatchError  the request differs from that of the first call
│   └── ResumeTokenExpiredError   the token is of longer ago than the server goes back
├── AttributionTokenError
│   ├── AttributionTokenInvalidError   the token was not made by this deployment, or was changed
│   ├── AttributionTokenMismatchError  the article is not among the results that the token is of
│   └── AttributionTokenExpiredError   the token is older than tokens are kept
├── ArticleNotFoundError        there is no article with this identifier
├── TopicNotFoundError          there is no topic with this identifier
├── UserNotFoundError           nothing is known of this user
├── UnauthenticatedError        the call has no credentials, or none that are good
│   └── CredentialsRejectedError  it has some that are not good
├── PermissionDeniedError       the caller may not make this call
├── TenantUnknownError          the call is of a tenant that the server does not have
├── OverloadedError             too much work is under way
├── RateLimitedError            the caller makes more calls than they may for now
├── QuotaExceededError          the caller has asked for as much work as they may in a day
├── DrainingError               the server shuts down; another goes on with the call
└── ConfigurationError          the configuration cannot be read or makes no sense
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import grpc
import structlog
from gistwire_indexer.errors import ArticleError, FilterError, IndexUnavailableError
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError, SummaryNotWrittenError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "gistwire"

_log = structlog.get_logger(__name__)


class GistwireServerError(Exception):
    """Anything that the server refuses or cannot do."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with a field.

    Attributes:
        field: path of the field in the request, such as ``"retrieval.depth"``.
        description: what is wrong, in a sentence without the field's name.
    """

    field: str
    description: str


class InvalidRequestError(GistwireServerError):
    """Fields of the request break their limits.

    Attributes:
        violations: one for each field that does; at least one.
    """

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        super().__init__("; ".join(f"{each.field} {each.description}" for each in violations))
        self.violations = tuple(violations)


class MalformedRequestError(GistwireServerError):
    """The bytes of a request are no message of the contract."""


class PageTokenError(GistwireServerError):
    """A page token cannot be used."""


class PageTokenInvalidError(PageTokenError):
    """The token was not made by this deployment, or was changed."""


class PageTokenMismatchError(PageTokenError):
    """The request differs from that of the first page."""


class PageTokenExpiredError(PageTokenError):
    """The token is older than tokens are kept."""


class ResumeTokenError(GistwireServerError):
    """A watch cannot be resumed from a token."""


class ResumeTokenInvalidError(ResumeTokenError):
    """The token was not made by this deployment, or was changed."""


class ResumeTokenMismatchError(ResumeTokenError):
    """The request differs from that of the first call."""


class ResumeTokenExpiredError(ResumeTokenError):
    """The token is of longer ago than the server goes back."""


class AttributionTokenError(GistwireServerError):
    """An event cannot be attributed by a token."""


class AttributionTokenInvalidError(AttributionTokenError):
    """The token was not made by this deployment, or was changed."""


class AttributionTokenMismatchError(AttributionTokenError):
    """The article is not among the results that the token is of."""


class AttributionTokenExpiredError(AttributionTokenError):
    """The token is older than tokens are kept."""


class ArticleNotFoundError(GistwireServerError):
    """There is no article with this identifier."""


class TopicNotFoundError(GistwireServerError):
    """There is no topic with this identifier."""


class UserNotFoundError(GistwireServerError):
    """Nothing is known of this user."""


class UnauthenticatedError(GistwireServerError):
    """The call has no credentials, or none that are good. The message never says which part of them is wrong."""


class CredentialsRejectedError(UnauthenticatedError):
    """The call has credentials that are not good.

    Attributes:
        why: a word for the log, such as ``"key_expired"``; the caller is not told.
    """

    def __init__(self, why: str) -> None:
        super().__init__("the credentials are not valid")
        self.why = why


class PermissionDeniedError(GistwireServerError):
    """The caller may not make this call."""


class TenantUnknownError(GistwireServerError):
    """The call is of a tenant that the server does not have."""


class OverloadedError(GistwireServerError):
    """Too much work is under way.

    Attributes:
        retry_after_s: seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitedError(GistwireServerError):
    """The caller, or their tenant, makes more calls than they may for now.

    Attributes:
        retry_after_s: seconds after which the call may be made.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExceededError(GistwireServerError):
    """The caller, or their tenant, has asked for as much work as they may in a day.

    Attributes:
        retry_after_s: seconds after which there is enough again for the call.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DrainingError(GistwireServerError):
    """The server shuts down; another goes on with the call."""


class ConfigurationError(GistwireServerError):
    """The configuration cannot be read or makes no sense."""


def status_of(error: BaseException) -> status_pb2.Status:
    """Maps an error to the status that tells a client of it.

    An error that is not known here becomes INTERNAL with a fixed message: what it says may be of use to an
    attacker or hold user text, and belongs in the log.
    """
    match error:
        case InvalidRequestError():
            violations = [
                error_details_pb2.BadRequest.FieldViolation(field=each.field, description=each.description)
                for each in error.violations
            ]
            return _status(
                code_pb2.INVALID_ARGUMENT,
                "INVALID_FIELD",
                str(error),
                error_details_pb2.BadRequest(field_violations=violations),
            )
        case ArticleError():
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=error.field, description=error.description
            )
            details = error_details_pb2.BadRequest(field_violations=[violation])
            return _status(code_pb2.INVALID_ARGUMENT, "INVALID_ARTICLE", str(error), details)
        case FilterError():
            violation = error_details_pb2.BadRequest.FieldViolation(field="filter", description=str(error))
            details = error_details_pb2.BadRequest(field_violations=[violation])
            return _status(code_pb2.INVALID_ARGUMENT, "INVALID_FILTER", f"filter: {error}", details)
        case MalformedRequestError() | DecodeError():
            # The parser's own words may hold parts of the request.
            message = "the request is not a message of this rpc"
            return _status(code_pb2.INVALID_ARGUMENT, "MALFORMED_REQUEST", message)
        case PageTokenInvalidError():
            return _status(code_pb2.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", str(error))
        case PageTokenMismatchError():
            return _status(code_pb2.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH", str(error))
        case PageTokenExpiredError():
            return _status(code_pb2.FAILED_PRECONDITION, "PAGE_TOKEN_EXPIRED", str(error))
        case ResumeTokenInvalidError():
            return _status(code_pb2.INVALID_ARGUMENT, "RESUME_TOKEN_INVALID", str(error))
        case ResumeTokenMismatchError():
            return _status(code_pb2.INVALID_ARGUMENT, "RESUME_TOKEN_MISMATCH", str(error))
        case ResumeTokenExpiredError():
            return _status(code_pb2.FAILED_PRECONDITION, "RESUME_TOKEN_EXPIRED", str(error))
        case AttributionTokenInvalidError():
            return _status(code_pb2.INVALID_ARGUMENT, "ATTRIBUTION_TOKEN_INVALID", str(error))
        case AttributionTokenMismatchError():
            return _status(code_pb2.INVALID_ARGUMENT, "ATTRIBUTION_TOKEN_MISMATCH", str(error))
        case AttributionTokenExpiredError():
            return _status(code_pb2.FAILED_PRECONDITION, "ATTRIBUTION_TOKEN_EXPIRED", str(error))
        case ArticleNotFoundError():
            return _status(code_pb2.NOT_FOUND, "ARTICLE_NOT_FOUND", str(error))
        case TopicNotFoundError():
            return _status(code_pb2.NOT_FOUND, "TOPIC_NOT_FOUND", str(error))
        case UserNotFoundError():
            return _status(code_pb2.NOT_FOUND, "USER_NOT_FOUND", str(error))
        case UnauthenticatedError():
            return _status(code_pb2.UNAUTHENTICATED, "UNAUTHENTICATED", str(error))
        case PermissionDeniedError():
            return _status(code_pb2.PERMISSION_DENIED, "PERMISSION_DENIED", str(error))
        case TenantUnknownError():
            return _status(code_pb2.PERMISSION_DENIED, "TENANT_UNKNOWN", str(error))
        case OverloadedError() | ModelOverloadedError():
            retry = _retry_info(error.retry_after_s)
            return _status(code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED", str(error), retry)
        case RateLimitedError():
            retry = _retry_info(error.retry_after_s)
            return _status(code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", str(error), retry)
        case QuotaExceededError():
            retry = _retry_info(error.retry_after_s)
            return _status(code_pb2.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", str(error), retry)
        case DrainingError():
            return _status(code_pb2.UNAVAILABLE, "DRAINING", "the server shuts down; resume elsewhere")
        case IndexUnavailableError():
            return _status(code_pb2.UNAVAILABLE, "INDEX_UNAVAILABLE", "the article index does not answer")
        case ModelUnavailableError():
            return _status(code_pb2.UNAVAILABLE, "MODEL_UNAVAILABLE", "a model does not answer")
        case SummaryNotWrittenError():
            # Neither UNAVAILABLE nor INTERNAL: the engine is well, and would write as little again.
            message = "the model wrote no word of the article"
            return _status(code_pb2.FAILED_PRECONDITION, "SUMMARY_NOT_WRITTEN", message)
        case TimeoutError():
            return _status(code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the time for this call ran out")
        case _:
            return _status(code_pb2.INTERNAL, "INTERNAL", "an error that the server's log tells of")


def _retry_info(retry_after_s: float) -> error_details_pb2.RetryInfo:
    delay = Duration()
    # Rounded up: who comes back too early is refused again.
    delay.FromMilliseconds(ceil(retry_after_s * 1000))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _status(code: int, reason: str, message: str, *details: Message) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=message)
    for detail in (error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN), *details):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


@asynccontextmanager
async def reporting_errors(context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
    """Ends the call with the status of an error that is raised inside.

    A context manager, not an interceptor, because an interceptor sees a stream's generator and not what is raised
    while it runs. Cancellation passes through.
    """
    try:
        yield
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception as error:  # noqa: BLE001 (this is where every error becomes a status)
        status = status_of(error)
        if status.code == code_pb2.INTERNAL:
            _log.exception("call_failed")
        await context.abort_with_status(rpc_status.to_status(status))
