"""Wrong files, keys, tokens and arguments: each has its error, its culprit and its remedy, and leaks no secret."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import oci_httpx_auth
from oci_httpx_auth import (
    APIKey,
    ConfigError,
    Credential,
    InvalidKeyError,
    InvalidTokenError,
    NoCredentialsFoundError,
    OCIAuthError,
    OCISigner,
    ProfileNotFoundError,
    SigningError,
    _errors,
    default_credentials,
)

from ...conftest import USER, Key
from ...world import CLAIM, PASSPHRASE, World, private_pem


def openssh(world: World) -> bytes:
    return world.key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def ssh_public(world: World) -> bytes:
    return world.key.private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )


def huge_key(bits: int) -> bytes:
    """An RSA key of made-up numbers, which no tool would generate."""

    def field(tag: int, content: bytes) -> bytes:
        size = len(content).to_bytes(4, "big").lstrip(b"\0") or b"\0"
        head = size if len(content) < 128 else bytes([0x80 + len(size)]) + size
        return bytes([tag]) + head + content

    numbers = (0, 2**bits - 1, 65537, 2**bits - 3, *[2 ** (bits // 2) - 1] * 5)
    integers = b"".join(field(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers)
    body = base64.encodebytes(field(0x30, integers))
    return b"-----BEGIN RSA PRIVATE KEY-----\n" + body + b"-----END RSA PRIVATE KEY-----\n"


Case = tuple[str, Callable[[World], object], type[OCIAuthError], tuple[str, ...]]

CASES: list[Case] = [
    # The config file
    ("config file that does not exist", lambda w: OCISigner(config_file=w.directory / "nowhere"), ConfigError, ("nowhere", "does not exist", "Correct the path")),
    ("config file that is a directory", lambda w: OCISigner(config_file=w.directory), ConfigError, ("is a directory", "Give the path of a file")),
    ("config file that is not UTF-8", lambda w: w.profile(b"[DEFAULT]\nuser=\xff\xfe"), ConfigError, ("config", "has to be UTF-8", "Save it")),
    ("config file of two megabytes", lambda w: w.profile(b"#" * (2 << 20)), ConfigError, ("config", "larger than")),
    ("config file with a thousand blanks in a line", lambda w: w.profile("[DEFAULT]\nx" + " " * 1000 + "y\n"), ConfigError, ("config", "100 blanks", "line 2")),
    ("profile name of a thousand characters", lambda w: OCISigner(config_file=w.config("[A]\nx=1\n"), profile="x" * 1000), ProfileNotFoundError, ("x…'", "It has A")),
    ("profile that is not among a hundred", lambda w: OCISigner(config_file=w.config("".join(f"[P{n}]\nx=1\n" for n in range(100)))), ProfileNotFoundError, ("P19", "80 more")),
    ("key before the first section", lambda w: w.profile("user=x\n"), ConfigError, ("config", "line 1", "[PROFILE]")),
    ("line that is no assignment", lambda w: w.profile(f"[DEFAULT]\npass_phrase {PASSPHRASE}\n"), ConfigError, ("config", "line 2", "key=value")),
    ("section that appears twice", lambda w: w.profile("[A]\nx=1\n[A]\nx=1\n"), ConfigError, ("profile A", "twice", "line 3")),
    ("key that appears twice", lambda w: w.profile("[DEFAULT]\nuser=1\nuser=2\n"), ConfigError, ("user", "twice", "line 3")),
    ("profile that does not exist", lambda w: OCISigner(config_file=w.config(), profile="PROD"), ProfileNotFoundError, ("PROD", "config", "DEFAULT", "case-sensitive")),
    ("profile in another letter case", lambda w: OCISigner(config_file=w.config("[Prod]\nx=1\n"), profile="prod"), ProfileNotFoundError, ("no profile prod", "It has [Prod]")),
    ("config file without any profile", lambda w: OCISigner(config_file=w.config("# nothing\n")), ProfileNotFoundError, ("DEFAULT", "no profile at all")),
    ("empty profile", lambda w: OCISigner(config_file=w.config("[DEFAULT]\n")), ConfigError, ("profile DEFAULT", "user, tenancy, fingerprint and key_file", "Add them")),
    ("one missing field", lambda w: w.profile(fingerprint=None), ConfigError, ("no fingerprint", "Add it")),
    ("two missing fields", lambda w: w.profile(user=None, key_file=None), ConfigError, ("no user and key_file", "Add them")),
    ("field without a value", lambda w: w.profile(user=""), ConfigError, ("no user", "Add it")),
    ("user that is no OCID", lambda w: w.profile(user="jane@example.com"), ConfigError, ("user of profile DEFAULT", "jane@example.com", "looks like")),
    ("tenancy that is no OCID", lambda w: w.profile(tenancy="acme"), ConfigError, ("tenancy of profile DEFAULT", "'acme'", "looks like")),
    ("OCID with a quote in it", lambda w: w.profile(user=USER + '",x="'), ConfigError, ("user of profile DEFAULT", "not an OCID")),
    ("fingerprint of another kind", lambda w: w.profile(fingerprint="SHA256:abc"), ConfigError, ("fingerprint of profile DEFAULT", "16 hex pairs")),
    ("fingerprint with an inline comment", lambda w: w.profile(fingerprint=w.key.fingerprint + " # mine"), ConfigError, ("fingerprint", "# mine")),
    ("region that is no host name", lambda w: w.profile(region="us-chicago-1/../evil"), ConfigError, ("region of profile DEFAULT", "us-chicago-1")),
    ("region with a comment", lambda w: w.profile(region="us-chicago-1 # x"), ConfigError, ("region of profile DEFAULT", "not a region")),
    ("private key in the config file", lambda w: w.profile(key_content="x"), ConfigError, ("key_content", "key_file", "0600")),
    # The key file
    ("key file that does not exist", lambda w: w.profile(key_file="~/no-key.pem"), ConfigError, ("key_file of profile DEFAULT", "no-key.pem", "does not exist")),
    ("key file that is a directory", lambda w: w.profile(key_file=str(w.directory)), ConfigError, ("key_file of profile DEFAULT", "directory")),
    ("key path of a user that does not exist", lambda w: w.api_key(key_file="~nobody-of-this-name/key.pem"), ConfigError, ("key_file", "~nobody-of-this-name", "does not exist")),
    ("config path of a user that does not exist", lambda w: OCISigner(config_file="~nobody-of-this-name/config"), ConfigError, ("~nobody-of-this-name", "does not exist")),
    ("passphrase that is no text", lambda w: w.api_key(key_file=None, private_key=w.key.pem("right"), passphrase="\udcff"), InvalidKeyError, ("does not open it", "Check pass_phrase")),
    ("key path with a NUL", lambda w: w.api_key(key_file="a\0b"), ConfigError, ("key_file", "cannot be read")),
    ("empty key file", lambda w: w.keyed(""), InvalidKeyError, ("key_file of profile DEFAULT", "empty")),
    ("key file with something else", lambda w: w.keyed("hello"), InvalidKeyError, ("key_file of profile DEFAULT", "BEGIN PRIVATE KEY")),
    ("key file of two megabytes", lambda w: w.keyed(b"x" * (2 << 20)), ConfigError, ("key_file of profile DEFAULT", "larger than")),
    ("key file of seventy kilobytes", lambda w: w.keyed(b"x" * 70_000), InvalidKeyError, ("key_file of profile DEFAULT", "larger than 65536 bytes")),
    ("RSA key of 16392 bits", lambda w: w.keyed(huge_key(16392)), InvalidKeyError, ("16392 bits", "at most 16384")),
    ("key text that no system has", lambda w: w.api_key(key_file=None, private_key="\ud800"), InvalidKeyError, ("private_key", "PEM")),
    ("damaged key", lambda w: w.keyed("\n".join(w.key.pem().splitlines()[:5] + w.key.pem().splitlines()[9:])), InvalidKeyError, ("key_file of profile DEFAULT", "damaged", "Copy the key again")),
    ("public key", lambda w: w.keyed(w.key.public_pem()), InvalidKeyError, ("is a public key", "signed with the private key", "oci_api_key.pem")),
    ("SSH public key", lambda w: w.keyed(ssh_public(w)), InvalidKeyError, ("is a public key", "private key")),
    ("OpenSSH private key", lambda w: w.keyed(openssh(w)), InvalidKeyError, ("OpenSSH", "ssh-keygen -p -m PEM")),
    ("certificate", lambda w: w.keyed("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), InvalidKeyError, ("certificate", "private key")),
    ("EC key", lambda w: w.keyed(private_pem(ec.generate_private_key(ec.SECP256R1()))), InvalidKeyError, ("not an RSA key", "create an RSA key")),
    ("Ed25519 key", lambda w: w.keyed(private_pem(ed25519.Ed25519PrivateKey.generate())), InvalidKeyError, ("not an RSA key", "create an RSA key")),
    ("RSA key of 1024 bits", lambda w: w.keyed(private_pem(rsa.generate_private_key(65537, 1024))), InvalidKeyError, ("1024 bits", "2048", "Create a new key")),
    ("encrypted key without a passphrase", lambda w: w.keyed(w.key.pem(PASSPHRASE)), InvalidKeyError, ("encrypted", "no passphrase", "pass_phrase")),
    ("encrypted PKCS#1 key without a passphrase", lambda w: w.keyed(w.key.pem(PASSPHRASE, pkcs1=True)), InvalidKeyError, ("encrypted", "no passphrase", "pass_phrase")),
    ("encrypted key with an empty passphrase", lambda w: w.keyed(w.key.pem(PASSPHRASE), pass_phrase=""), InvalidKeyError, ("no passphrase", "pass_phrase")),
    ("encrypted key with a wrong passphrase", lambda w: w.keyed(w.key.pem("the right one"), pass_phrase=PASSPHRASE), InvalidKeyError, ("does not open it", "Check pass_phrase")),
    ("encrypted PKCS#1 key with a wrong passphrase", lambda w: w.keyed(w.key.pem("the right one", pkcs1=True), pass_phrase=PASSPHRASE), InvalidKeyError, ("does not open it", "Check pass_phrase")),
    ("key of another fingerprint", lambda w: w.keyed(w.other.pem()), InvalidKeyError, ("has the fingerprint", "is configured", "belongs to the fingerprint")),
    # Arguments of APIKey and its environment
    ("neither key_file nor private_key", lambda w: w.api_key(key_file=None), ConfigError, ("key_file", "private_key", "either")),
    ("both key_file and private_key", lambda w: w.api_key(private_key="x"), ConfigError, ("key_file", "private_key", "not both")),
    ("a text that is not a key", lambda w: w.api_key(key_file=None, private_key="oops"), InvalidKeyError, ("private_key", "PEM")),
    ("path given as key text", lambda w: w.api_key(key_file=None, private_key=str(w.key_file)), InvalidKeyError, ("private_key", "does not hold a private key")),
    ("key text given as user", lambda w: w.api_key(user=w.key.pem()), ConfigError, ("user", "not an OCID", "(a key or token?)")),
    ("empty environment", lambda w: APIKey.from_env(), ConfigError, ("OCI_CLI_USER, OCI_CLI_TENANCY, OCI_CLI_FINGERPRINT", "OCI_CLI_KEY_FILE", "Set what is missing")),
    # The session token
    ("session profile without key_file", lambda w: w.session(key_file=None), ConfigError, ("no key_file", "Add it")),
    ("session token file that does not exist", lambda w: w.session(security_token_file="~/gone"), ConfigError, ("security_token_file of profile DEFAULT", "gone", "does not exist")),
    ("empty token file", lambda w: w.session(""), InvalidTokenError, ("security_token_file of profile DEFAULT", "not a security token", "oci session authenticate")),
    ("token file with a key in it", lambda w: w.session(w.key.pem()), InvalidTokenError, ("security_token_file", "not a security token", "oci session authenticate")),
    ("token file with binary content", lambda w: w.session(b"\xff\x00\x80"), InvalidTokenError, ("security_token_file", "not a security token")),
    ("token whose claims are not JSON", lambda w: w.session("e30.bm90IGpzb24.e30"), InvalidTokenError, ("security_token_file", "claims cannot be read", "oci session authenticate")),
    ("token whose claims are a list", lambda w: w.session("e30.W10.e30"), InvalidTokenError, ("security_token_file", "claims cannot be read")),
    ("token without an expiry", lambda w: w.session(w.token(exp=None)), InvalidTokenError, ("security_token_file", "'exp'", "obtain a new one")),
    ("token that expires at a text", lambda w: w.session(w.token(exp="soon")), InvalidTokenError, ("security_token_file", "'exp'", "point in time")),
    ("token that expires at infinity", lambda w: w.session(w.token(exp=float("inf"))), InvalidTokenError, ("security_token_file", "'exp'", "point in time")),
    ("token of a hundred kilobytes", lambda w: w.session("e30." + "x" * 100_000 + ".e30"), InvalidTokenError, ("security_token_file", "100008 characters", "at most 65536")),
    ("token with a line break in it", lambda w: w.session(w.token() + "\r\nx: y"), InvalidTokenError, ("security_token_file", "blanks", "oci session authenticate")),
    ("token of another key", lambda w: w.session(w.token(w.other)), InvalidTokenError, ("security_token_file", "different sessions", "oci session authenticate")),
    ("session key that was never written", lambda w: w.session(key_file="Update_private_key_path"), ConfigError, ("key_file of profile DEFAULT", "Update_private_key_path")),
    # The chain and the signer
    ("unknown way to authenticate", lambda w: default_credentials(auth="magic"), ConfigError, ("auth", "'magic'", "api_key")),
    ("no credentials anywhere", lambda w: default_credentials().fetch(), NoCredentialsFoundError, ("config file", "does not exist", "environment", "oci setup config")),
    ("credentials and a profile", lambda w: OCISigner(w.api_key(), profile="X"), ConfigError, ("either credentials", "not both")),
    ("a class instead of a provider", lambda w: OCISigner(APIKey), ConfigError, ("fetch()", "type")),  # type: ignore[arg-type]
    ("a string instead of a provider", lambda w: OCISigner("DEFAULT"), ConfigError, ("fetch()", "str")),  # type: ignore[arg-type]
    ("plain http to the internet", lambda w: w.send("http://api.example.com/"), SigningError, ("api.example.com", "https only", "allow_insecure_http")),
    ("a URL without a scheme", lambda w: OCISigner(w.api_key()).signed_headers("GET", "inference.example.com/x"), SigningError, ("https",)),
    ("an invalid URL", lambda w: OCISigner(w.api_key()).signed_headers("GET", "https://[::1/"), SigningError, ("cannot be signed",)),
    ("a key id with a line break", lambda w: Credential(key_id="a\r\nx: y", private_key=w.key.private), SigningError, ("key id", "check the OCIDs")),
    ("a key id with a quote", lambda w: Credential(key_id='a"b', private_key=w.key.private), SigningError, ("key id", "quotes")),
    ("a credential that ends at no time", lambda w: Credential(key_id="k", private_key=w.key.private, expires_at=float("nan")), SigningError, ("expires_at", "not a point in time")),
    ("a credential that ends beyond all time", lambda w: Credential(key_id="k", private_key=w.key.private, expires_at=10**400), SigningError, ("expires_at", "not a point in time")),
    ("an extra header with a line break", lambda w: Credential(key_id="k", private_key=w.key.private, headers={"x": "a\r\nb: c"}), SigningError, ("'x'", "HTTP cannot carry")),
    ("an extra header with a bad name", lambda w: Credential(key_id="k", private_key=w.key.private, headers={"x y": "a"}), SigningError, ("'x y'", "HTTP cannot carry")),
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_input_is_answered(
    make: Callable[[World], object],
    kind: type[OCIAuthError],
    words: tuple[str, ...],
    tmp_path: Path,
    key: Key,
    other_key: Key,
) -> None:
    """The error has its own type, names the culprit and the next step, and holds no secret anywhere."""
    world = World(tmp_path, key, other_key)
    with pytest.raises(OCIAuthError) as caught:
        make(world)
    public = next(base for base in type(caught.value).__mro__ if base.__name__ in oci_httpx_auth.__all__)
    assert public is kind
    message = str(caught.value)
    for word in words:
        assert word in message
    # The whole chain of causes is printed by a traceback, with the message of each.
    printed = "".join(traceback.format_exception(caught.value))
    secrets = [PASSPHRASE, CLAIM, world.token()]
    secrets += [line for pem in (key.pem(), other_key.pem()) for line in pem.splitlines()[1:-1]]
    for secret in secrets:
        assert secret not in message
        # A traceback quotes source lines, among them this file's own.
        assert secret not in printed or (secret == PASSPHRASE and "pass_phrase=PASSPHRASE" in printed)


def test_there_are_more_than_forty_distinct_cases() -> None:
    """No two cases share a name, and no two check for the same words of the same error."""
    assert len({case[0] for case in CASES}) == len(CASES) > 40


def test_every_error_is_public() -> None:
    """Everything that is raised can be caught by a name that the package exports."""
    assert {kind.__name__ for _, _, kind, _ in CASES} <= set(oci_httpx_auth.__all__)
    errors = {name for name, value in vars(_errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert errors <= set(oci_httpx_auth.__all__)
