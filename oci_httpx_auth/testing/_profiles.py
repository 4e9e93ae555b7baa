"""What a program finds on its machine: config files, key and token files, environment variables."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ._identity import FakeAPIKey, FakeSession, private_pem

PREFIX = "OCI_RESOURCE_PRINCIPAL_"
VERSIONS = ("1.1", "2.1", "2.1.1", "2.1.2", "2.2", "3.0")


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    path.chmod(0o600)


def write_profile(directory: Path, profile: str, identity: FakeAPIKey | FakeSession, passphrase: str | None) -> Path:
    """Add a profile and its files to `directory`, laid out as the OCI CLI lays them out."""
    entries = {"fingerprint": identity.fingerprint, "tenancy": identity.tenancy, "region": identity.region}
    if isinstance(identity, FakeSession):
        folder = directory / "sessions" / profile
        key_file, public_file = folder / "oci_api_key.pem", folder / "oci_api_key_public.pem"
        entries["security_token_file"] = str(folder / "token")
        write_private(folder / "token", identity.token.encode())
    else:
        prefix = "" if profile == "DEFAULT" else f"{profile}_"
        key_file = directory / f"{prefix}oci_api_key.pem"
        public_file = directory / f"{prefix}oci_api_key_public.pem"
        entries["user"] = identity.user
    entries["key_file"] = str(key_file)
    if passphrase is not None:
        entries["pass_phrase"] = passphrase
    # The CLI marks the private keys it makes with this label after the end line.
    write_private(key_file, identity.private_key_pem(passphrase) + b"OCI_API_KEY")
    assert identity.private_key is not None
    public_key = identity.private_key.public_key()
    write_private(public_file, public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return _write_config(directory / "config", profile, entries)


def _write_config(path: Path, profile: str, entries: dict[str, str]) -> Path:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path, encoding="utf-8")
    parser[profile] = entries
    temporary = path.with_name(f".config.{os.getpid()}")
    write_private(temporary, b"")
    with temporary.open("w", encoding="utf-8") as file:
        parser.write(file)
    temporary.replace(path)
    return path


def literals_or_files(values: dict[str, str], directory: Path | None, suffix: str) -> dict[str, str]:
    """The variables of a token and its key: as they are, or as paths of files in `directory` that hold them."""
    if directory is None:
        return {f"{PREFIX}{name}{suffix}": value for name, value in values.items()}
    for name, value in values.items():
        write_private(directory / name.lower(), value.encode())
    return {f"{PREFIX}{name}{suffix}": str((directory / name.lower()).resolve()) for name in values}


def key_and_passphrase(key: rsa.RSAPrivateKey, passphrase: str | None) -> dict[str, str]:
    """A key's variables by the end of their names."""
    values = {"PRIVATE_PEM": private_pem(key, passphrase=passphrase).decode()}
    if passphrase is not None:
        values["PRIVATE_PEM_PASSPHRASE"] = passphrase
    return values
