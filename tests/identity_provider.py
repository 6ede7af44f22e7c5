"""An identity provider of the test's own: `IdentityProvider` issues tokens and tells its public keys."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gistwire_server.security.config import TokensConfig
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://login.example"
AUDIENCE = "gistwire"

_SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class IdentityProvider:
    """Issues tokens with keys that it can exchange.

    Attributes:
        jwks_file: where its public keys are.
    """

    def __init__(self, folder: Path) -> None:
        self.jwks_file = folder / "jwks.json"
        self._keys: dict[str, _SigningKey] = {}
        self.rotate("first")

    @property
    def config(self) -> TokensConfig:
        """How a server takes its tokens."""
        return TokensConfig(issuer=ISSUER, audience=AUDIENCE, jwks_file=self.jwks_file)

    def rotate(self, key_id: str, *, kind: str = "EC") -> None:
        """Signs with a new key from now on, and tells that one alone."""
        self._keys = {key_id: _new_key(kind)}
        self.publish([public_jwk(key, kid) for kid, key in self._keys.items()])

    def publish(self, keys: list[dict[str, Any]]) -> None:
        """Writes these keys into the file."""
        self.jwks_file.write_text(json.dumps({"keys": keys}))

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of a good token with some changes; None leaves a claim out."""
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "roles": ["search"],
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Issues a token."""
        ((key_id, key),) = self._keys.items()
        algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
        # Not `jwt.encode`, which refuses to make some of the tokens that must be refused here.
        return jwt.api_jws.encode(
            json.dumps(self.claims(**changes)).encode(),
            key,
            algorithm=algorithm,
            headers={"kid": key_id} | (header or {}),
        )

    def unsigned_token(self, **changes: Any) -> str:
        """Makes a token with the algorithm ``none``, as anybody can."""
        ((key_id, _),) = self._keys.items()
        return f"{_signing_input({'alg': 'none', 'typ': 'JWT', 'kid': key_id}, self.claims(**changes))}."

    def token_signed_with_public_key(self, **changes: Any) -> str:
        """Makes a token whose HMAC has the public key as its secret, as anybody can who knows that."""
        ((key_id, key),) = self._keys.items()
        secret = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed = _signing_input({"alg": "HS256", "typ": "JWT", "kid": key_id}, self.claims(**changes))
        return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def public_jwk(key: _SigningKey, key_id: str | None) -> dict[str, Any]:
    """The public half of a key, as a JSON Web Key."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        described = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        described = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return described | ({} if key_id is None else {"kid": key_id})


def _new_key(kind: str) -> _SigningKey:
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def _signing_input(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
