"""How a caller is known: `Authenticator`; `open_authenticator` makes the one that a configuration says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import grpc
import structlog

from gistwire_server.errors import CredentialsRejectedError, UnauthenticatedError
from gistwire_server.security.api_key_file import parse_api_keys
from gistwire_server.security.api_keys import PREFIX, ApiKeys
from gistwire_server.security.callers import ANONYMOUS, Caller
from gistwire_server.security.client_certificates import CertificateCallers
from gistwire_server.security.config import SecurityConfig, TokensConfig
from gistwire_server.security.failed_attempts import FailedAttempts
from gistwire_server.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from gistwire_server.security.tokens import TokenVerifier

CREDENTIAL_METADATA = "authorization"
"""Key of the call's metadata that holds an API key or a token: ``Bearer ...`` (RFC 6750, section 2.1)."""
_SCHEME = "bearer "

_log = structlog.get_logger(__name__)

AnyContext = grpc.aio.ServicerContext[Any, Any]


class Authenticator(Protocol):
    """Tells who makes a call."""

    async def authenticate(self, context: AnyContext) -> Caller:
        """Returns who makes a call.

        Raises:
            UnauthenticatedError: the call has no credentials, or none that are good.
            OverloadedError: too many from the same address had none that are good.
        """
        ...

    async def check_again(self, context: AnyContext) -> None:
        """Looks whether the credentials of a call that is under way are still good.

        Raises:
            UnauthenticatedError: they are not.
        """
        ...


class OpenAuthenticator:
    """Lets everybody in. For a server that only this machine reaches."""

    async def authenticate(self, context: AnyContext) -> Caller:  # noqa: ARG002
        """Returns ANONYMOUS."""
        return ANONYMOUS

    async def check_again(self, context: AnyContext) -> None:
        """Finds them good, as there are none."""


class CredentialAuthenticator:
    """Knows callers by API keys and tokens, and by the certificates of their connections.

    A key or a token goes before a certificate: a proxy with a certificate may pass its users' tokens on.

    Args:
        api_keys: the keys; None for none.
        tokens: knows tokens; None for none.
        certificates: knows certificates.
        anonymous: who calls without credentials; None if nobody may.
        attempts: counts what fails.
    """

    def __init__(
        self,
        *,
        api_keys: WatchedFiles[ApiKeys] | None = None,
        tokens: "TokenVerifier | None" = None,
        certificates: CertificateCallers | None = None,
        anonymous: Caller | None = None,
        attempts: FailedAttempts | None = None,
    ) -> None:
        self._api_keys = api_keys
        self._tokens = tokens
        self._certificates = certificates or CertificateCallers(())
        self._anonymous = anonymous
        self._attempts = attempts or FailedAttempts(None)

    async def authenticate(self, context: AnyContext) -> Caller:
        """Returns who makes a call, as `Authenticator.authenticate`."""
        try:
            credential = _credential(context)
            if credential is not None:
                self._attempts.check(context.peer(), credential)
            caller = await self._caller_of(context, credential)
        except CredentialsRejectedError as error:
            self._attempts.failed(context.peer())
            _log.warning("credentials_rejected", why=error.why)
            raise
        if credential is not None:
            self._attempts.succeeded(credential)
        return caller

    async def check_again(self, context: AnyContext) -> None:
        """As `Authenticator.check_again`."""
        await self._caller_of(context, _credential(context))

    async def _caller_of(self, context: AnyContext, credential: str | None) -> Caller:
        if credential is None:
            return self._caller_without(context)
        if credential.startswith(PREFIX):
            if self._api_keys is None:
                raise CredentialsRejectedError("keys_not_taken")
            return (await self._api_keys.current()).caller_of(credential)
        if self._tokens is None:
            raise CredentialsRejectedError("tokens_not_taken")
        return await self._tokens.caller_of(credential)

    def _caller_without(self, context: AnyContext) -> Caller:
        caller = self._certificates.caller_of(context.auth_context()) or self._anonymous
        if caller is None:
            raise UnauthenticatedError(
                f"credentials are needed: an API key or a token in the metadata {CREDENTIAL_METADATA!r}"
            )
        return caller


def open_authenticator(config: SecurityConfig) -> Authenticator:
    """Makes the authenticator of a configuration. Blocks, as it reads files.

    Raises:
        ConfigurationError: a file cannot be read or makes no sense.
    """
    if not config.knows_callers and config.anonymous is None:
        return OpenAuthenticator()
    anonymous = config.anonymous
    return CredentialAuthenticator(
        api_keys=(
            None
            if config.api_keys_file is None
            else WatchedFiles("security.api_keys_file", [config.api_keys_file], _keys_of)
        ),
        tokens=None if config.tokens is None else _token_verifier(config.tokens),
        certificates=CertificateCallers(config.certificates),
        anonymous=(
            None
            if anonymous is None
            else Caller(ANONYMOUS.name, frozenset(anonymous.roles), frozenset(anonymous.tenants))
        ),
        attempts=FailedAttempts(config.failed_authentications_per_minute or None),
    )


def _token_verifier(config: TokensConfig) -> "TokenVerifier":
    # A server that takes no tokens does not wait for the imports.
    from gistwire_server.security.tokens import TokenVerifier, parse_jwks  # noqa: PLC0415

    return TokenVerifier(config, WatchedFiles("security.tokens.jwks_file", [config.jwks_file], parse_jwks))


def _keys_of(contents: Sequence[bytes]) -> ApiKeys:
    (content,) = contents
    return ApiKeys(parse_api_keys(content))


def _credential(context: AnyContext) -> str | None:
    """The API key or token of a call; None if it has neither.

    Raises:
        CredentialsRejectedError: there are several, or something else.
    """
    found = [value for key, value in context.invocation_metadata() or () if key == CREDENTIAL_METADATA]
    if not found:
        return None
    value = found[0]
    if len(found) > 1 or not isinstance(value, str) or not value.lower().startswith(_SCHEME):
        raise CredentialsRejectedError("authorization_malformed")
    return value[len(_SCHEME) :].strip()
