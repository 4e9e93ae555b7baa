"""Directories of keys, tokens and profiles, sound or broken, and shortcuts to use them."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization

from oci_httpx_auth import APIKey, OCISigner

from .conftest import TENANCY, USER, Key

PASSPHRASE = "hunter2-is-secret"


CLAIM = "claim-that-is-secret"


class World:
    """A directory to put broken things into, and shortcuts to use them."""

    def __init__(self, directory: Path, key: Key, other: Key) -> None:
        self.directory, self.key, self.other = directory, key, other
        self.key_file = directory / "key.pem"
        self.key_file.write_text(key.pem())
        self.token_file = directory / "token"
        self.token_file.write_text(self.token())

    def token(self, key: Key | None = None, **claims: object) -> str:
        def segment(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

        numbers = (key or self.key).private.public_key().public_numbers()

        def number(value: int) -> str:
            return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()

        jwk = json.dumps({"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)})
        now = int(time.time())
        body = {"sub": USER, "iat": now, "exp": now + 3600, "jwk": jwk, "note": CLAIM, **claims}
        return f"{segment({'alg': 'RS256'})}.{segment(body)}.{segment('signature')}"

    def config(self, text: str | bytes | None = None, **changes: str | None) -> Path:
        """A config file: this text, or a valid API key profile with these changes (None leaves the field out)."""
        path = self.directory / "config"
        if text is None:
            fields: dict[str, str | None] = {
                "user": USER,
                "tenancy": TENANCY,
                "fingerprint": self.key.fingerprint,
                "key_file": str(self.key_file),
                "region": "us-chicago-1",
                "pass_phrase": None,
                **changes,
            }
            text = "[DEFAULT]\n" + "".join(f"{name}={value}\n" for name, value in fields.items() if value is not None)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def profile(self, text: str | bytes | None = None, **changes: str | None) -> OCISigner:
        return OCISigner(config_file=self.config(text, **changes))

    def keyed(self, content: str | bytes, **changes: str | None) -> OCISigner:
        """A signer of a valid profile whose key file has this content."""
        self.key_file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.profile(**changes)

    def session(self, token: str | bytes | None = None, **changes: str | None) -> OCISigner:
        """A signer of a session profile whose token file has this content."""
        if token is not None:
            self.token_file.write_bytes(token.encode() if isinstance(token, str) else token)
        fields: dict[str, str | None] = {
            "tenancy": TENANCY,
            "region": "us-chicago-1",
            "key_file": str(self.key_file),
            "security_token_file": str(self.token_file),
            **changes,
        }
        lines = "".join(f"{name}={value}\n" for name, value in fields.items() if value is not None)
        return OCISigner(config_file=self.config(f"[DEFAULT]\n{lines}"))

    def api_key(self, **changes: object) -> APIKey:
        fields: dict[str, object] = {
            "tenancy": TENANCY,
            "user": USER,
            "fingerprint": self.key.fingerprint,
            "key_file": self.key_file,
            **changes,
        }
        return APIKey(**{name: value for name, value in fields.items() if value is not None})  # type: ignore[arg-type]

    def send(self, url: str, **options: object) -> object:
        signer = OCISigner(self.api_key(), **options)  # type: ignore[arg-type]
        with httpx.Client(auth=signer) as client:
            return client.get(url)


def private_pem(key: object) -> bytes:
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


KEY_ID = f"{TENANCY}/{USER}/"


def write_profile(path: Path, key: Key, pem: str | None = None, *, name: str = "DEFAULT", **changes: str) -> Path:
    """A config file with one API key profile, its key file beside it."""
    key_file = path.parent / f"{name}.pem"
    key_file.write_text(key.pem() if pem is None else pem)
    fields = {
        "user": USER,
        "tenancy": TENANCY,
        "fingerprint": key.fingerprint,
        "key_file": str(key_file),
        "region": "us-chicago-1",
        **changes,
    }
    with path.open("a") as file:
        file.write(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in fields.items()))
    return path
