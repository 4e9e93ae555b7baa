"""Wrong files, keys, tokens and arguments: each has its error, its culprit and its remedy, and leaks no secret."""

from __future__ import annotations

import base64
import datetime
import json
import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

import oci_httpx_auth
from oci_httpx_auth import (
    APIKey,
    ConfigError,
    Credential,
    CredentialsUnavailableError,
    InvalidKeyError,
    InvalidTokenError,
    NoCredentialsFoundError,
    OCIAuthError,
    OCISigner,
    ProfileNotFoundError,
    ResourcePrincipal,
    SecurityToken,
    SigningError,
    _errors,
    default_credentials,
)
from oci_httpx_auth._signing.clock import parse_http_date
from oci_httpx_auth.credentials.instance_principal import _certificate

from .conftest import TENANCY, USER, Key, settle

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
    ("config file that is not UTF-8", lambda w: w.profile(b"[DEFAULT]\nuser=\xff\xfe"), ConfigError, ("config", "not UTF-8", "Save it")),
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
    ("token of a hundred kilobytes", lambda w: w.session("e30." + "x" * 100_000 + ".e30"), InvalidTokenError, ("security_token_file", "100008 characters", "65536 at most")),
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


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="this system has no users to become")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, key: Key, other_key: Key) -> None:
    """An unreadable key file has its own error; it isn't called a bad key."""
    world = World(tmp_path, key, other_key)
    world.key_file.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # the superuser may read every file, so be nobody
    try:
        with pytest.raises(ConfigError, match=r"key_file may not be read by this user.*owner and mode") as caught:
            world.api_key()
    finally:
        os.seteuid(user)
    assert type(caught.value) is ConfigError


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path, key: Key, other_key: Key) -> None:
    """Reading a key file that is a pipe without a writer would never end."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"key_file is a pipe or a device: .*ordinary file"):
        World(tmp_path, key, other_key).api_key(key_file=tmp_path / "pipe")


def test_an_impossible_home_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever HOME holds, looking for the default config file doesn't fail."""
    monkeypatch.setenv("HOME", "/" + "x" * 5000)
    with pytest.raises(CredentialsUnavailableError, match="does not exist"):
        default_credentials().fetch()


def test_a_session_that_ends_in_the_year_9999_sets_no_impossible_timer(
    tmp_path: Path, key: Key, other_key: Key
) -> None:
    """Its early renewal is further away than a timer can wait."""
    world = World(tmp_path, key, other_key)
    signer = world.session(world.token(exp=253402300799))
    assert "authorization" in signer.signed_headers("GET", "https://x.example/")
    settle()
    assert signer._cache._timer is not None
    assert any(thread.name == "oci-credential-timer" for thread in threading.enumerate())


def test_a_security_context_that_no_header_carries_is_refused(
    tmp_path: Path, key: Key, other_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names its variable without quoting it, and comes when the provider is made."""
    prefix = "OCI_RESOURCE_PRINCIPAL_"
    values = {"VERSION": "2.1.2", "RPT_ENDPOINT": "http://127.0.0.1:9", "RPST_ENDPOINT": "http://127.0.0.1:9"}
    values |= {"RESOURCE_ID": "x", "TENANCY_ID": "y", "PRIVATE_PEM": key.pem(), "SECURITY_CONTEXT": "a\r\nb: c"}
    for name, value in values.items():
        monkeypatch.setenv(f"{prefix}{name}", value)
    with pytest.raises(ConfigError, match=f"{prefix}SECURITY_CONTEXT has characters that an HTTP header cannot carry"):
        ResourcePrincipal()


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 1900 00:00:00 GMT"])
def test_a_date_of_another_millennium_is_ignored(date: str) -> None:
    """A clock corrected to it would soon have no date that HTTP can write."""
    assert parse_http_date(date) is None


def test_a_certificate_of_an_unknown_version_is_reported_as_unreadable(key: Key) -> None:
    """cryptography raises its own kind of error for one."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
    der = builder.sign(key.private, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    version = b"\xa0\x03\x02\x01"
    changed = base64.b64encode(der.replace(version + b"\x02", version + b"\x07", 1)).decode()
    with pytest.raises(CredentialsUnavailableError, match="certificate cannot be read"):
        _certificate(f"-----BEGIN CERTIFICATE-----\n{changed}\n-----END CERTIFICATE-----\n")


def test_every_error_is_public() -> None:
    """Everything that is raised can be caught by a name that the package exports."""
    assert {kind.__name__ for _, _, kind, _ in CASES} <= set(oci_httpx_auth.__all__)
    errors = {name for name, value in vars(_errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert errors <= set(oci_httpx_auth.__all__)


def test_a_dsa_key_is_not_an_rsa_key(tmp_path: Path, key: Key, other_key: Key) -> None:
    """Old DSA keys load as PEM, and the refusal says what they are."""
    world = World(tmp_path, key, other_key)
    with pytest.raises(InvalidKeyError, match="not an RSA key"):
        world.keyed(private_pem(dsa.generate_private_key(2048)))


def test_security_token_without_region_or_endpoint_still_signs(tmp_path: Path, key: Key, other_key: Key) -> None:
    """The region is needed to renew the token, not to use it."""
    world = World(tmp_path, key, other_key)
    token = SecurityToken(token_file=world.token_file, key_file=world.key_file)
    assert token.fetch().key_id == f"ST${world.token_file.read_text()}"
