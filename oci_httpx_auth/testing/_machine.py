"""A program's surroundings: config files, key and token files, environment variables."""

from __future__ import annotations

import configparser
import io
import os
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ._identity import FakeCredential

PREFIX = "OCI_RESOURCE_PRINCIPAL_"


def write_private(path: Path, content: bytes) -> None:
    """Atomically write a file that only its owner can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)


def write_profile(
    directory: Path, profile: str, credential: FakeCredential, passphrase: str | None, auth_endpoint: str
) -> Path:
    """Add a profile and its files to `directory`, in the OCI CLI's layout.

    A session's profile names the stand-in as its auth endpoint: with its region only, the session would be renewed at OCI.
    """
    entries = {"fingerprint": credential.fingerprint, "tenancy": credential.tenancy, "region": credential.region}
    if credential.token:
        folder, prefix = directory / "sessions" / profile, ""
        entries |= {"security_token_file": str(folder / "token"), "auth_endpoint": auth_endpoint}
        write_private(folder / "token", credential.token.encode())
    else:
        folder, prefix = directory, "" if profile == "DEFAULT" else f"{profile}_"
        entries["user"] = credential.user
    key_file = folder / f"{prefix}oci_api_key.pem"
    entries["key_file"] = str(key_file)
    if passphrase is not None:
        entries["pass_phrase"] = passphrase
    # The CLI marks the private keys it makes with this label after the end line.
    write_private(key_file, credential.private_key_pem(passphrase) + b"OCI_API_KEY")
    public_pem = credential.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_private(folder / f"{prefix}oci_api_key_public.pem", public_pem)
    parser, text = configparser.ConfigParser(interpolation=None), io.StringIO()
    parser.read(directory / "config", encoding="utf-8")
    parser[profile] = entries
    parser.write(text)
    write_private(directory / "config", text.getvalue().encode())
    return directory / "config"


def literals_or_files(values: dict[str, str], directory: Path | None) -> dict[str, str]:
    """The variables of a token and its key: the values themselves, or paths of files in `directory` that hold them."""
    if directory is not None:
        for name, value in values.items():
            write_private(directory / name.lower(), value.encode())
        values = {name: str((directory / name.lower()).resolve()) for name in values}
    return {f"{PREFIX}{name}": value for name, value in values.items()}


def key_values(credential: FakeCredential, passphrase: str | None) -> dict[str, str]:
    """A key's variables, by their names without the prefix."""
    values = {"PRIVATE_PEM": credential.private_key_pem(passphrase).decode()}
    if passphrase is not None:
        values["PRIVATE_PEM_PASSPHRASE"] = passphrase
    return values


def pod_environment(directory: Path, token: str, ca_pem: bytes, region: str) -> dict[str, str]:
    """The variables of a pod, and the service account's files in `directory` that they name."""
    write_private(directory / "token", token.encode())
    write_private(directory / "ca.crt", ca_pem)
    return {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH": str(directory / "ca.crt"),
        "OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH": str(directory / "token"),
        f"{PREFIX}REGION": region,
    }
