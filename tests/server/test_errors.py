from typing import TypeVar

import pytest
from gistwire_indexer.errors import ArticleError, FilterError, IndexUnavailableError
from gistwire_models.errors import ModelOverloadedError, ModelUnavailableError, SummaryNotWrittenError
from gistwire_server.errors import (
    ArticleNotFoundError,
    AttributionTokenExpiredError,
    AttributionTokenInvalidError,
    AttributionTokenMismatchError,
    DrainingError,
    FieldViolation,
    InvalidRequestError,
    OverloadedError,
    PageTokenExpiredError,
    PageTokenInvalidError,
    PageTokenMismatchError,
    QuotaExceededError,
    RateLimitedError,
    ResumeTokenExpiredError,
    ResumeTokenInvalidError,
    ResumeTokenMismatchError,
    UserNotFoundError,
    status_of,
)
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

Detail = TypeVar("Detail", bound=Message)


def detail(status: status_pb2.Status, kind: type[Detail]) -> Detail:
    unpacked = kind()
    assert any(each.Unpack(unpacked) for each in status.details)
    return unpacked


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (InvalidRequestError([FieldViolation("query", "is bad")]), "INVALID_ARGUMENT", "INVALID_FIELD"),
        (ArticleError("headline", "must not be blank"), "INVALID_ARGUMENT", "INVALID_ARTICLE"),
        (FilterError("cannot be read", column=3), "INVALID_ARGUMENT", "INVALID_FILTER"),
        (PageTokenInvalidError(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"),
        (PageTokenMismatchError(), "INVALID_ARGUMENT", "PAGE_TOKEN_MISMATCH"),
        (PageTokenExpiredError(), "FAILED_PRECONDITION", "PAGE_TOKEN_EXPIRED"),
        (ResumeTokenInvalidError(), "INVALID_ARGUMENT", "RESUME_TOKEN_INVALID"),
        (ResumeTokenMismatchError(), "INVALID_ARGUMENT", "RESUME_TOKEN_MISMATCH"),
        (ResumeTokenExpiredError(), "FAILED_PRECONDITION", "RESUME_TOKEN_EXPIRED"),
        (AttributionTokenInvalidError(), "INVALID_ARGUMENT", "ATTRIBUTION_TOKEN_INVALID"),
        (AttributionTokenMismatchError(), "INVALID_ARGUMENT", "ATTRIBUTION_TOKEN_MISMATCH"),
        (AttributionTokenExpiredError(), "FAILED_PRECONDITION", "ATTRIBUTION_TOKEN_EXPIRED"),
        (DrainingError(), "UNAVAILABLE", "DRAINING"),
        (ArticleNotFoundError(), "NOT_FOUND", "ARTICLE_NOT_FOUND"),
        (UserNotFoundError(), "NOT_FOUND", "USER_NOT_FOUND"),
        (OverloadedError("busy", retry_after_s=1), "RESOURCE_EXHAUSTED", "OVERLOADED"),
        (ModelOverloadedError("busy", retry_after_s=1), "RESOURCE_EXHAUSTED", "OVERLOADED"),
        (RateLimitedError("too many", retry_after_s=1), "RESOURCE_EXHAUSTED", "RATE_LIMITED"),
        (QuotaExceededError("used up", retry_after_s=1), "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        (IndexUnavailableError(), "UNAVAILABLE", "INDEX_UNAVAILABLE"),
        (ModelUnavailableError(), "UNAVAILABLE", "MODEL_UNAVAILABLE"),
        (SummaryNotWrittenError(), "FAILED_PRECONDITION", "SUMMARY_NOT_WRITTEN"),
        (TimeoutError(), "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
        (ZeroDivisionError(), "INTERNAL", "INTERNAL"),
    ],
)
def test_code_and_reason(error: Exception, code: str, reason: str) -> None:
    status = status_of(error)
    assert status.code == code_pb2.Code.Value(code)
    info = detail(status, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == (reason, "gistwire")


def test_every_violation_is_named() -> None:
    error = InvalidRequestError(
        [FieldViolation("query", "must not be blank"), FieldViolation("top_k", "is 0")]
    )
    violations = detail(status_of(error), error_details_pb2.BadRequest).field_violations
    assert [(each.field, each.description) for each in violations] == [
        ("query", "must not be blank"),
        ("top_k", "is 0"),
    ]


def test_the_caller_is_told_when_to_come_back() -> None:
    retry = detail(status_of(OverloadedError("busy", retry_after_s=1.5)), error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1_500


def test_what_an_unknown_error_says_is_not_passed_on() -> None:
    assert "secret" not in str(status_of(RuntimeError("a secret")))
