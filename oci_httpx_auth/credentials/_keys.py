"""Load, diagnose, generate and fingerprint the private keys that requests are signed with."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import partial

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from .._errors import InvalidKeyError

_PEM = rb"(?s)-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----"

_PADDING, _SHA256 = PKCS1v15(), SHA256()

_MAX_PEM = 64 * 1024  # bytes; the largest key has 13,000
MAX_KEY_BITS = 16384  # what OpenSSL verifies; signing with a larger key takes seconds, then minutes
MIN_KEY_BITS = 2048  # OCI's minimum: "Required Keys and OCIDs" in Oracle's documentation


def load_private_key(pem: bytes | str, passphrase: bytes | str | None, source: str) -> RSAPrivateKey:
    """Load an RSA private key from PEM text: PKCS#1 or PKCS#8, encrypted or not, with or without a label line.

    A passphrase for an unencrypted key is ignored: it may be inherited from the DEFAULT profile.
    `source` says in errors where the key is from.

    Raises `InvalidKeyError` that says what was found instead.
    """
    data = (_bytes(pem) or b"").strip().removeprefix(b"\xef\xbb\xbf")
    secret = _bytes(passphrase)
    if not data:
        raise InvalidKeyError(f"{source} is empty. It should hold a private key in PEM form.")
    if len(data) > _MAX_PEM:
        raise InvalidKeyError(
            f"{source} is larger than {_MAX_PEM} bytes, too large for a private key. Check that the path is right."
        )
    try:
        key = _load(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message is neither passed on nor chained: we don't control what it quotes.
        raise InvalidKeyError(_diagnosis(data, secret, source)) from None
    if not isinstance(key, RSAPrivateKey):
        raise InvalidKeyError(
            f"{source} is a private key, but not an RSA key ({type(key).__name__.lstrip('_')}). "
            "OCI signs with RSA only: create an RSA key and upload its public half."
        )
    if not MIN_KEY_BITS <= key.key_size <= MAX_KEY_BITS:
        raise InvalidKeyError(
            f"{source} is an RSA key of {key.key_size} bits; it must have at least {MIN_KEY_BITS} and at most {MAX_KEY_BITS}. "
            "Create a new key."
        )
    if not _signs(key):
        raise InvalidKeyError(f"{source} is damaged: its numbers are inconsistent. Copy the key again.")
    return key


def generate_private_key() -> RSAPrivateKey:
    """A new session key: RSA, 2048 bits.

    It takes 20 to 200 ms. Before cryptography 48, it blocks all other threads.
    """
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def fingerprint(key: RSAPrivateKey | RSAPublicKey) -> str:
    """The API key fingerprint: MD5 of the public key's DER form, as hex pairs joined by colons."""
    return hashlib.md5(public_key_der(key), usedforsecurity=False).digest().hex(":")


def public_key_der(key: RSAPrivateKey | RSAPublicKey) -> bytes:
    """The public key as SubjectPublicKeyInfo, DER."""
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_key_text(key: RSAPrivateKey | RSAPublicKey) -> str:
    """The public key as auth services expect it: PEM without its first and last line, on one line."""
    return base64.b64encode(public_key_der(key)).decode()


def _bytes(text: bytes | str | None) -> bytes | None:
    if not isinstance(text, str):
        return text
    try:
        return text.encode(errors="surrogateescape")  # from the environment: bytes that are not UTF-8
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def _load(data: bytes, secret: bytes | None) -> object:
    # Just the key: older versions of cryptography fail if a label follows directly on the end line.
    block = re.search(_PEM, data)
    data = data if block is None else block[0]
    # cryptography's own check of the numbers blocks all threads for 40 ms, and keys are loaded again with each refresh.
    # Ours comes afterwards.
    load = partial(serialization.load_pem_private_key, unsafe_skip_rsa_key_validation=True)
    try:
        return load(data, secret or None)
    except TypeError:
        if not secret:
            raise  # encrypted, and there is no passphrase
        return load(data, None)


def _signs(key: RSAPrivateKey) -> bool:
    """Whether the key's signatures verify with its public half."""
    try:
        key.public_key().verify(key.sign(b"test", _PADDING, _SHA256), b"test", _PADDING, _SHA256)
    except Exception:  # InvalidSignature, or anything else that impossible numbers cause
        return False
    return True


def _diagnosis(data: bytes, secret: bytes | None, source: str) -> str:
    if b"PRIVATE KEY-----" in data:
        if b"BEGIN OPENSSH PRIVATE KEY" in data:
            return (
                f"{source} is an OpenSSH private key, which OCI tools do not accept. "
                "Convert a copy of it with `ssh-keygen -p -m PEM -f <file>`."
            )
        encrypted = b"ENCRYPTED" in data
        if encrypted and not secret:
            return f"{source} is encrypted and no passphrase was given. Set pass_phrase in the profile, or pass passphrase=."
        if encrypted:
            return (
                f"{source} is encrypted and the given passphrase does not open it. Check pass_phrase, or the key file."
            )
        return f"{source} looks like a PEM private key but is damaged. Copy the key again, with all its lines."
    if b"BEGIN CERTIFICATE" in data:
        return f"{source} is a certificate. Requests are signed with the private key."
    if b"PUBLIC KEY" in data or data.startswith((b"ssh-rsa", b"ssh-ed25519", b"ecdsa-")):
        return (
            f"{source} is a public key. Requests are signed with the private key; the public key is uploaded to OCI. "
            "The CLI names them oci_api_key.pem and oci_api_key_public.pem."
        )
    if data.startswith(b"PuTTY-User-Key-File"):
        return f"{source} is a PuTTY key. Convert it with `puttygen <file> -O private-openssh -o <new file>`."
    if data.startswith(b"\x30\x82"):
        return (
            f"{source} is in binary form (DER). Convert it with `openssl pkey -inform DER -in <file> -out <new file>`."
        )
    return f"{source} does not hold a private key in PEM form (its first line should be -----BEGIN PRIVATE KEY-----)."
