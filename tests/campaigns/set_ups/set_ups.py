"""Broken set-ups, as people have reported them, and the words that a true verdict on each has to have.

Each is built on a machine of its own: a home directory, variables, and OCI's real host names with certificates, which lead to the
stand-in. `check` has to name the true cause first; `ASIDE` are the few where another answer is as true.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...conftest import Key
from ...standin import FakeOCI, Fault

RP = "OCI_RESOURCE_PRINCIPAL_"
ACCOUNT = "OCI_KUBERNETES_SERVICE_ACCOUNT"
FAR = "us-phoenix-1"
NOBODY = f"ocid1.user.oc1..aaaaaaaa{'somebody' * 6}else"
NOWHERE = f"ocid1.compartment.oc1..aaaaaaaa{'nowhere' * 7}abc"
PROJECT = f"ocid1.generativeaiproject.oc1.us-chicago-1.amaaaaaa{'project' * 7}"
NOT_FOUND = Fault(status=404, body=b'{"code":"404","message":"Authorization failed or requested resource not found."}')


class Plain:
    """A server that answers the first two connections in plain HTTP by this status, as something on the way would."""

    def __init__(self, status: int = 400, more: str = "") -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        page = f"HTTP/1.1 {status} Answer\r\ncontent-type: text/html\r\n{more}content-length: 6\r\n\r\n<html>"

        def serve() -> None:
            with listener:
                for _ in range(2):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(page.encode())

        threading.Thread(target=serve, daemon=True).start()


@dataclass
class Machine:
    """What a set-up is built on."""

    oci: FakeOCI
    stranger: FakeOCI  # an OCI that knows nobody: another tenancy's, or a region that is not subscribed
    home: Path
    key: Key
    arguments: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    routes: dict[str, FakeOCI | Plain | int] = field(default_factory=dict)
    intercepted: bool = True
    days: tuple[int, int] = (-1, 1)
    names: tuple[str, ...] = ()
    credentials: Callable[[], Any] | None = None
    resolves: Callable[..., Any] | None = None
    prologue: str = ""  # code that a process runs before `check`

    @property
    def path(self) -> Path:
        return self.home / ".oci" / "config"

    @property
    def text(self) -> str:
        return self.path.read_text()

    def config(self, **options: Any) -> None:
        """A profile that works, as the CLI writes it."""
        self.oci.write_config(self.home / ".oci", **options)

    def write(self, text: str, encoding: str = "utf-8") -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(text, encoding=encoding)

    def value(self, name: str) -> str:
        return next(line.partition(" = ")[2] for line in self.text.splitlines() if line.startswith(f"{name} = "))

    def edit(self, **fields: str) -> None:
        """The working profile with other values; an empty one takes the field away."""
        if not self.path.exists():
            self.config()
        for name, value in fields.items():
            lines = self.text.splitlines()
            assert any(line.startswith(f"{name} =") for line in lines)
            new = [f"{name} = {value}" if line.startswith(f"{name} =") else line for line in lines]
            self.path.write_text("\n".join(line for line in new if line != f"{name} = ") + "\n")

    def key_file(self, content: str | bytes) -> None:
        """The working profile, its key file with other content."""
        self.config()
        data = content if isinstance(content, bytes) else content.encode()
        Path(self.value("key_file")).write_bytes(data)

    def env(self, **variables: str) -> None:
        self.variables |= variables

    def full_env(self, **other: str) -> None:
        """A complete set of the CLI's variables, and no file."""
        key = self.oci.add_api_key()
        own = {
            "USER": self.oci.user,
            "TENANCY": self.oci.tenancy,
            "FINGERPRINT": key.fingerprint,
            "KEY_CONTENT": key.private_key_pem().decode(),
            "REGION": "us-chicago-1",
        }
        own |= other
        self.env(**{f"OCI_CLI_{name}": value for name, value in own.items() if value})

    def call(self, *options: str, compartment: str | None = None) -> None:
        """A working profile and a call to Generative AI."""
        if not self.path.exists() and not self.variables:
            self.config()
        self.arguments += ["--compartment", compartment or self.oci.compartment, *options]

    def principal(self, mode: str, **options: Any) -> None:
        self.variables |= self.oci.environment(mode, **options)

    def instance(self) -> None:
        self.principal("instance_principal")
        self.env(OCI_CLI_AUTH="instance_principal")

    def answer(self, service: str, fault: Fault) -> None:
        self.oci.fault_source = lambda name, record: fault if name == service else None

    def model_answer(self, status: int, message: str, code: str = "") -> None:
        """What Generative AI says of a request: the status as a text, as it does."""
        body = f'{{"code":"{code or status}","message":"{message}"}}'.encode()
        self.answer("inference", Fault(status=status, body=body))

    def token(self, **options: Any) -> str:
        return self.oci.issue_token(self.key.private.public_key(), **options)


@dataclass(frozen=True)
class SetUp:
    name: str
    build: Callable[[Machine], object]
    words: tuple[str, ...]
    status: int = 1
    process: bool = False
    waits: bool = False  # for a time-out, as a process beside others


SET_UPS: list[SetUp] = []


def add(name: str, build: Callable[[Machine], object], *words: str, status: int = 1, **how: bool) -> None:
    SET_UPS.append(SetUp(name, build, words, status, **how))


def body(pem: str) -> str:
    return "".join(pem.splitlines()[1:-1])


# A table, so a row is a line.
# fmt: off

# Secrets where paths and names belong.

FORMS: dict[str, Callable[[Machine], str]] = {
    "a key": lambda m: m.key.pem(),
    "a key with escaped line breaks": lambda m: m.key.pem().replace("\n", "\\n"),
    "a key's body": lambda m: body(m.key.pem()),
    "a key in base64": lambda m: base64.b64encode(m.key.pem().encode()).decode(),
}
for form, make in FORMS.items():
    add(f"{form} in OCI_CLI_KEY_FILE", lambda m, make=make: m.full_env(KEY_FILE=make(m), KEY_CONTENT=""), "OCI_CLI_KEY_FILE", "holds the key itself", "OCI_CLI_KEY_CONTENT", process=form == "a key")
for form in ("a key with escaped line breaks", "a key's body", "a key in base64"):
    add(f"{form} in key_file", lambda m, make=FORMS[form]: m.edit(key_file=make(m)), "key_file", "holds the key itself", "OCI_CLI_KEY_CONTENT", process="body" in form)
add("a session token in security_token_file", lambda m: (m.config(session=True), m.edit(security_token_file=m.token())), "security_token_file", "token itself")
add("ST$ and a token in security_token_file", lambda m: (m.config(session=True), m.edit(security_token_file="ST$" + m.token())), "security_token_file", "token itself")
add("a token in OCI_CLI_SECURITY_TOKEN_FILE", lambda m: (m.config(session=True), m.env(OCI_CLI_SECURITY_TOKEN_FILE=m.token())), "OCI_CLI_SECURITY_TOKEN_FILE", "token itself")
add("a token in OCI_CLI_AUTH", lambda m: (m.config(), m.env(OCI_CLI_AUTH=m.token())), "OCI_CLI_AUTH", "api_key")
add("a key in OCI_CLI_AUTH", lambda m: (m.config(), m.env(OCI_CLI_AUTH=m.key.pem())), "OCI_CLI_AUTH", "api_key")
add("a token in OCI_CLI_CONFIG_FILE", lambda m: (m.config(), m.env(OCI_CLI_CONFIG_FILE=m.token())), "config file", "OCI_CLI_CONFIG_FILE")
add("a key in OCI_CLI_PROFILE", lambda m: (m.config(), m.env(OCI_CLI_PROFILE=m.key.pem())), "no profile", "OCI_CLI_PROFILE")
add("a token as --profile", lambda m: (m.config(), m.arguments.extend(["--profile", m.token()])), "no profile")
add("a token as user", lambda m: m.edit(user=m.token()), "user", "not an OCID")
add("a key's body as tenancy", lambda m: m.edit(tenancy=body(m.key.pem())), "tenancy", "not an OCID")
add("a key's body as fingerprint", lambda m: m.edit(fingerprint=body(m.key.pem())), "fingerprint")
add("a key's body as region", lambda m: m.edit(region=body(m.key.pem())), "region", "not a region")
add("a token as OCI_REGION", lambda m: (m.config(), m.env(OCI_REGION=m.token())), "not a region")
add("a token in OCI_CLI_USER", lambda m: m.full_env(USER=m.token()), "OCI_CLI_USER", "not an OCID")
add("a token as a pod's token path", lambda m: (m.principal("oke_workload_identity", directory=m.home), m.env(**{f"{ACCOUNT}_TOKEN_PATH": m.token(), "OCI_CLI_AUTH": "oke_workload_identity"})), "token itself")
add("a key as a pod's certificate path", lambda m: (m.principal("oke_workload_identity", directory=m.home), m.env(**{f"{ACCOUNT}_CERT_PATH": m.key.pem(), "OCI_CLI_AUTH": "oke_workload_identity"})), "itself")
add("a token as a resource principal's key", lambda m: (m.principal("resource_principal"), m.env(**{f"{RP}PRIVATE_PEM": m.token()})), f"{RP}PRIVATE_PEM", "private key")
add("a key as a resource principal's token", lambda m: (m.principal("resource_principal"), m.env(**{f"{RP}RPST": m.key.pem()})), f"{RP}RPST", "not a security token")
add("a token as a resource principal's version", lambda m: m.env(**{f"{RP}VERSION": m.token()}), f"{RP}VERSION", "2.2")
add("a token's path that is base64", lambda m: (m.principal("resource_principal"), m.env(**{f"{RP}RPST": "/" + body(m.key.pem())})), f"{RP}RPST")
add("a token as a resource principal's endpoint", lambda m: (m.principal("resource_principal", version="2.1"), m.env(**{f"{RP}RPT_ENDPOINT": m.token()})), "not the URL")
add("a token as OCI_METADATA_BASE_URL", lambda m: (m.instance(), m.env(OCI_METADATA_BASE_URL=m.token())), "not the URL")
add("a token as --endpoint", lambda m: (m.config(), m.arguments.extend(["--endpoint", "https://" + m.token()])), "signed call", status=1)
add("a key as a model", lambda m: (m.call("--model", body(m.key.pem())), m.model_answer(404, "model not found")), "does not serve the model")
add("a key as compartment", lambda m: m.call(compartment=body(m.key.pem())), "not the OCID of a compartment")
add("a token as delegation_token_file", lambda m: (m.config(), m.env(OCI_CLI_AUTH="instance_obo_user", OCI_CLI_DELEGATION_TOKEN_FILE=m.token())), "OCI_CLI_DELEGATION_TOKEN_FILE", "token itself")

# Keys.

add("another key file", lambda m: m.key_file(m.key.pem()), "has the fingerprint", process=True)
add("a fingerprint of another key", lambda m: m.edit(fingerprint=m.key.fingerprint), "has the fingerprint")
add("a public key as key file", lambda m: m.key_file(m.key.public_pem()), "is a public key")
add("an SSH public key as key file", lambda m: m.key_file("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ user@host"), "is a public key")
add("an OpenSSH key", lambda m: m.key_file("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA=\n-----END OPENSSH PRIVATE KEY-----\n"), "OpenSSH", "ssh-keygen -p")
add("a certificate as key file", lambda m: m.key_file("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), "is a certificate")
add("half a key", lambda m: m.key_file(m.key.pem()[:700]), "damaged")
add("a key without its first line", lambda m: m.key_file("\n".join(m.key.pem().splitlines()[1:])), "damaged", "with all its lines")
add("an empty key file", lambda m: m.key_file(""), "is empty")
add("HTML saved as key file", lambda m: m.key_file("<html>Sign in</html>"), "private key in PEM form")
add("an encrypted key without passphrase", lambda m: (m.config(passphrase="hunter2"), m.edit(pass_phrase="")), "encrypted", "no passphrase")
add("an encrypted key with another passphrase", lambda m: (m.config(passphrase="right"), m.edit(pass_phrase="hunter2")), "passphrase does not open it")
add("a key with escaped line breaks in OCI_CLI_KEY_CONTENT", lambda m: m.full_env(KEY_CONTENT=m.key.pem().replace("\n", "\\n")), "OCI_CLI_KEY_CONTENT", "\\n")
add("another key in one line in OCI_CLI_KEY_CONTENT", lambda m: m.full_env(KEY_CONTENT=m.key.pem().replace("\n", " ")), "has the fingerprint")
add("a path in OCI_CLI_KEY_CONTENT", lambda m: m.full_env(KEY_CONTENT="~/.oci/key.pem"), "OCI_CLI_KEY_CONTENT", "private key in PEM form")
add("a key file that is a directory", lambda m: m.edit(key_file=str(m.home)), "is a directory")
add("a key file that does not exist", lambda m: m.edit(key_file="/nowhere/key.pem"), "does not exist", "/nowhere/key.pem")
add("a key file that others can read", lambda m: (m.config(), Path(m.value("key_file")).chmod(0o644)), "can read", "chmod 600", status=0, process=True)

# The file and its values.

add("no file at all", lambda m: None, "No OCI credentials", "does not exist", process=True)
add("an empty file", lambda m: m.write(""), "no profile")
add("a profile that is not there", lambda m: (m.config(), m.arguments.extend(["--profile", "PROD"])), "There is no profile PROD", "DEFAULT")
add("a profile that OCI_CLI_PROFILE names", lambda m: (m.config(), m.env(OCI_CLI_PROFILE="PROD")), "There is no profile PROD", "OCI_CLI_PROFILE")
add("a profile that OCI_CONFIG_PROFILE names", lambda m: (m.config(), m.env(OCI_CONFIG_PROFILE="PROD")), "There is no profile PROD", "OCI_CONFIG_PROFILE")
add("a file that OCI_CLI_CONFIG_FILE names", lambda m: (m.config(), m.env(OCI_CLI_CONFIG_FILE="/nowhere/config")), "/nowhere/config", "OCI_CLI_CONFIG_FILE", process=True)
add("a file that --config-file names", lambda m: (m.config(), m.arguments.extend(["--config-file", "/nowhere/config"])), "/nowhere/config", "does not exist")
add("a profile in small letters", lambda m: (m.config(), m.write(m.text.replace("[DEFAULT]", "[default]"))), "[default]", "case")
add("a file in UTF-16", lambda m: (m.config(), m.write(m.text, "utf-16")), "UTF-16", "Save it as UTF-8")
add("lines before the first profile", lambda m: (m.config(), m.write(m.text.replace("[DEFAULT]\n", ""))), "line 1")
add("a profile twice", lambda m: (m.config(), m.write(m.text + "\n[A]\nuser=x\n[A]\nuser=y\n")), "defined twice")
add("a field twice", lambda m: (m.config(), m.write(m.text + "region = us-ashburn-1\n")), "region", "twice")
add("a line without a value", lambda m: (m.config(), m.write(m.text + "nonsense\n")), "line")
add("key_content in the file", lambda m: (m.config(), m.write(m.text + "key_content = x\n")), "key_content", "key_file")
for name in ("user", "tenancy", "fingerprint", "key_file"):
    add(f"no {name}", lambda m, name=name: m.edit(**{name: ""}), f"has no {name}")
add("quotes around a path", lambda m: (m.config(), m.edit(key_file=f'"{m.value("key_file")}"')), "quotes", "key_file")
add("quotes around a user", lambda m: (m.config(), m.edit(user=f'"{m.oci.user}"')), "quotes", "user")
add("quotes around a fingerprint", lambda m: (m.config(), m.edit(fingerprint=f"'{m.value('fingerprint')}'")), "quotes", "fingerprint")
add("quotes around a region", lambda m: m.edit(region='"us-chicago-1"'), "quotes", "region")
add("a comment behind a region", lambda m: m.edit(region="us-chicago-1 # or ashburn"), "comment", "region", process=True)
add("a comment behind a path", lambda m: (m.config(), m.edit(key_file=f"{m.value('key_file')} # TODO")), "comment", "key_file")
add("a comment behind a user", lambda m: m.edit(user=f"{m.oci.user} ; mine"), "comment", "user")
add("the console's placeholder", lambda m: m.edit(key_file="<path to your private keyfile> # TODO"), "placeholder", "key_file")
add("a placeholder with an ellipsis", lambda m: m.edit(user="ocid1.user.oc1..…"), "placeholder", "user")
add("$HOME in a path", lambda m: m.edit(key_file="$HOME/.oci/key.pem"), "variable", "$HOME")
add("${HOME} in a path", lambda m: m.edit(key_file="${HOME}/.oci/key.pem"), "variable", "${HOME}")
add("%USERPROFILE% in a path", lambda m: m.edit(key_file="%USERPROFILE%\\.oci\\key.pem"), "variable", "%USERPROFILE%")
add("a relative path", lambda m: m.edit(key_file=".oci/key.pem"), "relative", ".oci/key.pem")
add("a path of Windows", lambda m: m.edit(key_file="C:\\Users\\me\\.oci\\key.pem"), "Windows")
add("a fingerprint without colons", lambda m: (m.config(), m.edit(fingerprint=m.value("fingerprint").replace(":", ""))), "fingerprint", "colons")
add("a SHA-256 fingerprint", lambda m: m.edit(fingerprint="SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), "fingerprint", "16 hex pairs")
add("a name as user", lambda m: m.edit(user="alice@example.com"), "not an OCID", "alice@example.com")
add("a name as tenancy", lambda m: m.edit(tenancy="acme"), "not an OCID", "acme")
add("a region that is none", lambda m: m.edit(region="Chicago, IL"), "not a region")
add("a user's variable over the file's", lambda m: (m.config(), m.env(OCI_CLI_USER="nobody")), "OCI_CLI_USER", "not an OCID")
add("half of the variables", lambda m: m.full_env(FINGERPRINT=""), "OCI_CLI_FINGERPRINT")
add("a mode that is none", lambda m: (m.config(), m.env(OCI_CLI_AUTH="ApiKey")), "OCI_CLI_AUTH", "'ApiKey'", "api_key")
add("a mode that the file does not fit", lambda m: (m.config(), m.env(OCI_CLI_AUTH="security_token")), "has no security_token_file", "OCI_CLI_AUTH")
add("no region", lambda m: m.edit(region=""), "No region is known", "OCI_REGION")

# Sessions.

add("a session that has expired", lambda m: m.config(session=True, lifetime=-3600), "session", "oci session authenticate", process=True)
add("a session of another key", lambda m: (m.config(session=True), Path(m.value("key_file")).write_text(m.key.pem())), "different sessions")
add("a session without its token", lambda m: (m.config(session=True), Path(m.value("security_token_file")).unlink()), "does not exist", "security_token_file")
add("a session with a broken token", lambda m: (m.config(session=True), Path(m.value("security_token_file")).write_text("nonsense")), "not a security token")
add("a session with the literal of the CLI", lambda m: (m.config(session=True), m.edit(key_file="Update_private_key_path")), "key_file", "Update_private_key_path")
add("an inherited session token", lambda m: (m.config(session=True), m.config(profile="B"), m.write(m.text.replace("user = ", "#user = ")), m.arguments.extend(["--profile", "B"])), "inherited", "security_token_file")
add("a session that OCI has ended", lambda m: (m.config(session=True), m.oci.revoke(Path(m.value("security_token_file")).read_text())), "session")

# 401 of an API key: what is known here, before anybody is blamed.

OTHERS = {"user": NOBODY, "tenancy": f"ocid1.tenancy.oc1..aaaaaaaa{'another' * 7}abc"}
add("user and tenancy swapped", lambda m: (m.config(), m.edit(user=m.oci.tenancy, tenancy=m.oci.user)), "swapped", process=True)
add("a compartment as tenancy", lambda m: (m.config(), m.edit(tenancy=m.oci.compartment)), "tenancy is the OCID of a compartment")
add("a group as user", lambda m: m.edit(user=NOBODY.replace(".user.", ".group.")), "user is the OCID of a group")
add("a tenancy as user", lambda m: (m.config(), m.edit(user=m.oci.tenancy)), "user is the OCID of a tenancy")
add("a user cut off", lambda m: (m.config(), m.edit(user=m.oci.user[:-7])), "not copied correctly", "user")
add("a tenancy cut off", lambda m: (m.config(), m.edit(tenancy=m.oci.tenancy[:-1])), "not copied correctly", "tenancy")
add("a tenancy with a letter too many", lambda m: (m.config(), m.edit(tenancy=m.oci.tenancy + "a")), "not copied correctly", "tenancy")
add("a region of another realm", lambda m: (m.edit(region="us-gov-ashburn-1"), m.routes.update({"identity.": m.stranger})), "realm oc1", "realm oc3")
add("a tenancy of another realm", lambda m: (m.config(), m.edit(tenancy=m.oci.tenancy.replace(".oc1.", ".oc2."))), "realm oc2")
add("another user", lambda m: m.edit(user=NOBODY), "OCI has no API key", "Upload this public key", "BEGIN PUBLIC KEY", process=True)
add("another tenancy", lambda m: m.edit(tenancy=OTHERS["tenancy"]), "OCI has no API key")
add("a key that was never uploaded", lambda m: (m.key_file(m.key.pem()), m.edit(fingerprint=m.key.fingerprint)), "OCI has no API key")
add("a good key in a region that is not subscribed", lambda m: (m.config(), m.edit(region=FAR), m.routes.update({f"identity.{FAR}.": m.stranger})), f"not subscribed to {FAR}", "us-ashburn-1")
add("other regions that never answer", lambda m: (m.config(), m.edit(region=FAR), m.routes.update({f"identity.{FAR}.": m.stranger}), m.answer("identity", Fault(hang=True))), "OCI has no API key", waits=True)
add("a session in a region that is not subscribed", lambda m: (m.config(session=True), m.env(OCI_REGION=FAR), m.routes.update({f"identity.{FAR}.": m.stranger})), f"not subscribed to {FAR}")
add("OCI_REGION of a region that is not subscribed", lambda m: (m.config(), m.env(OCI_REGION=FAR), m.routes.update({f"identity.{FAR}.": m.stranger})), f"not subscribed to {FAR}")
add("the key of another profile's user", lambda m: (m.config(), m.write(m.text + f"\n[BOB]\nuser = {m.oci.user}\nfingerprint = {m.value('fingerprint')}\n"), m.write(m.text.replace(f"user = {m.oci.user}", f"user = {NOBODY}", 1))), "belongs to user", "BOB")
add("an identity mixed of two profiles", lambda m: (m.config(), m.write(m.text + f"\n[B]\nuser = {NOBODY}\n"), m.arguments.extend(["--profile", "B"])), "mixed", "DEFAULT")

# Instances, resources, pods.

add("an instance that is none", lambda m: m.env(OCI_CLI_AUTH="instance_principal"), "This is not an OCI instance", "OCI_CLI_AUTH", process=True)
add("OCI_METADATA_BASE_URL of nowhere", lambda m: m.env(OCI_CLI_AUTH="instance_principal", OCI_METADATA_BASE_URL="http://127.0.0.1:9/opc/v2"), "OCI_METADATA_BASE_URL")
add("an instance whose federation says no", lambda m: (m.instance(), m.answer("federation", Fault(status=401, code="NotAuthenticated"))), "auth service does not accept")
add("an instance whose federation is down", lambda m: (m.instance(), m.answer("federation", Fault(status=503))), "auth", status=3)
add("an instance whose federation resets", lambda m: (m.instance(), m.answer("federation", Fault(reset=True))), "closed the connection")
add("a federation endpoint that refuses", lambda m: (m.instance(), m.env(OCI_CLI_FEDERATION_ENDPOINT="https://127.0.0.1:9/v1/x509")), "refuses connections")
add("an expired certificate of an instance", lambda m: (m.instance(), m.oci.rotate_instance_certificate(lifetime=-86400.0)), "certificate expired")
add("an instance without a policy", lambda m: (m.instance(), m.call(), m.answer("inference", NOT_FOUND)), "No policy", "dynamic-group", "instance.id", process=True)
add("an instance in a region that is not subscribed", lambda m: (m.instance(), m.env(OCI_REGION=FAR), m.routes.update({f"identity.{FAR}.": m.stranger})), f"not subscribed to {FAR}")
add("a resource principal without its key", lambda m: (m.principal("resource_principal"), m.variables.pop(f"{RP}PRIVATE_PEM")), f"{RP}PRIVATE_PEM", "not set", process=True)
add("a resource principal without its token", lambda m: (m.principal("resource_principal"), m.variables.pop(f"{RP}RPST")), f"{RP}RPST", "not set")
add("a resource principal of no version", lambda m: (m.principal("resource_principal"), m.env(**{f"{RP}VERSION": "9"})), f"{RP}VERSION", "2.2")
add("a resource principal elsewhere", lambda m: m.env(OCI_CLI_AUTH="resource_principal"), f"{RP}VERSION is not set", "OCI_CLI_AUTH")
add("a resource token that has expired", lambda m: m.principal("resource_principal", lifetime=-3600), "expired")
add("a resource token's file that is missing", lambda m: (m.principal("resource_principal", directory=m.home), (m.home / "rpst").unlink()), "does not exist", f"{RP}RPST")
add("a resource's key of another token", lambda m: (m.principal("resource_principal"), m.env(**{f"{RP}PRIVATE_PEM": m.key.pem()})), "another private key")
add("a function without a policy", lambda m: (m.principal("resource_principal"), m.call(), m.answer("inference", NOT_FOUND)), "No policy", "allow any-user", "request.principal.type = 'fnfunc'")
add("a pod's mode outside a pod", lambda m: m.env(OCI_CLI_AUTH="oke_workload_identity"), "KUBERNETES_SERVICE_HOST", "OCI_CLI_AUTH")


def pod(m: Machine, *, lifetime: float = 3600.0) -> None:
    """A pod's variables, with the port of the stand-in's proxy, which only an argument can say."""
    from oci_httpx_auth import OKEWorkloadIdentity
    from oci_httpx_auth._auth_service.service import AuthService

    m.principal("oke_workload_identity", directory=m.home, lifetime=lifetime)
    m.credentials = lambda: OKEWorkloadIdentity(port=m.oci.tls_port, _service=AuthService(patient=False))


add("a basic cluster", lambda m: (pod(m), setattr(m.oci, "enhanced_cluster", False)), "enhanced")
add("an expired account token", lambda m: (pod(m), (m.home / "token").write_text(m.oci.service_account_token(-60))), "service account token", "expired")
add("a pod without a policy", lambda m: (pod(m), m.call(), m.answer("inference", NOT_FOUND)), "allow any-user", "request.principal.type = 'workload'", "request.principal.namespace = 'default'", "request.principal.service_account = 'app'")
add("a pod without an account token", lambda m: (m.principal("oke_workload_identity", directory=m.home), m.env(OCI_CLI_AUTH="oke_workload_identity"), (m.home / "token").unlink()), "service account", "does not exist")
add("a pod that falls through to its node", lambda m: (m.env(KUBERNETES_SERVICE_HOST="127.0.0.1"), m.principal("instance_principal")), "pod", "node", status=0, process=True)
add("a node that may not do what the pod may", lambda m: (m.env(KUBERNETES_SERVICE_HOST="127.0.0.1"), m.principal("instance_principal"), m.call(), m.answer("inference", NOT_FOUND)), "pod", "node's instance principal")
add("a pod and nothing else", lambda m: m.env(KUBERNETES_SERVICE_HOST="127.0.0.1"), "OKE workload identity")

# The way there.


def direct(m: Machine, resolves: Callable[..., Any] | None = None) -> None:
    """Without a proxy: names are looked up here."""
    m.intercepted, m.resolves = False, resolves
    m.config()


def no_such_name(*arguments: Any, **options: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def no_dns(*arguments: Any, **options: Any) -> Any:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


SLOW_DNS = "import socket, time\nsocket.getaddrinfo = lambda *a, **o: time.sleep(6)"  # by then nobody waits any more


add("a region misspelt", lambda m: (direct(m, no_such_name), m.edit(region="us-chigaco-1")), "us-chigaco-1", "spelling")
add("a region misspelt, through a proxy", lambda m: (m.edit(region="us-chigaco-1"), m.routes.update({"identity.": 502})), "us-chigaco-1", "spelling")
add("a name that is not there", lambda m: direct(m, no_such_name), "cannot be resolved", "identity.us-chicago-1")
add("no DNS", lambda m: direct(m, no_dns), "no DNS server answers")
add("DNS that takes its time", lambda m: (direct(m), setattr(m, "prologue", SLOW_DNS)), "did not answer in time", status=3, waits=True)
add("a host that refuses", lambda m: (m.config(), m.arguments.extend(["--endpoint", "https://127.0.0.1:9"]), m.env(NO_PROXY="127.0.0.1", HTTPS_PROXY="http://127.0.0.1:9")), "host 127.0.0.1 refuses connections")
add("a certificate of another authority", lambda m: (m.config(), m.env(SSL_CERT_FILE="")), "not trusted", "SSL_CERT_FILE")
add("a certificate that has expired", lambda m: (m.config(), setattr(m, "days", (-3, -1))), "expired", "clock")
add("a certificate not valid yet", lambda m: (m.config(), setattr(m, "days", (1, 3))), "not valid yet", "clock")
add("a certificate of another name", lambda m: (m.config(), setattr(m, "names", ("portal.hotel.example",))), "certificate for another name", "DNS")
add("a proxy that is down", lambda m: (m.config(), m.env(HTTPS_PROXY="http://user:hunter2@127.0.0.1:9")), "proxy 127.0.0.1:9 (HTTPS_PROXY)", process=True)
add("a proxy whose name is not there", lambda m: (m.config(), m.env(HTTPS_PROXY="http://proxy.corp.example:8080"), setattr(m, "resolves", no_such_name)), "name of the proxy proxy.corp.example:8080", "HTTPS_PROXY")
add("a proxy of all schemes", lambda m: (m.config(), setattr(m, "intercepted", False), m.env(ALL_PROXY="http://127.0.0.1:9")), "ALL_PROXY")
add("a proxy of plain http alone", lambda m: (direct(m, no_such_name), m.env(HTTP_PROXY="http://127.0.0.1:9")), "cannot be resolved", "identity.us-chicago-1")
add("NO_PROXY for all of OCI", lambda m: (m.config(), m.env(NO_PROXY=".oraclecloud.com"), setattr(m, "resolves", no_such_name)), "cannot be resolved", "host identity.us-chicago-1")
add("a proxy that wants a password", lambda m: (m.config(), m.routes.update({"": 407})), "407")
add("a proxy that forbids", lambda m: (m.config(), m.routes.update({"": 403})), "proxy", "403")
add("a proxy that does not reach OCI", lambda m: (m.config(), m.routes.update({"": 503})), "proxy", "cannot reach")
add("a proxy by a URL of no scheme", lambda m: (m.config(), m.env(HTTPS_PROXY="foo://127.0.0.1:80")), "proxy", "HTTPS_PROXY")
add("a SOCKS proxy without socksio", lambda m: (m.config(), m.env(HTTPS_PROXY="socks5://127.0.0.1:9")), "SOCKS", "socksio", process=True)
add("a SOCKS proxy without socksio or credentials", lambda m: m.env(ALL_PROXY="socks5://127.0.0.1:9"), "proxy settings cannot be used", "socksio")
add("an SSL_CERT_FILE that is missing", lambda m: (m.config(), m.env(SSL_CERT_FILE="/nowhere/ca.pem")), "SSL_CERT_FILE")
add("an SSL_CERT_FILE that is none", lambda m: (m.config(), m.write(m.text), m.env(SSL_CERT_FILE=str(m.path))), "SSL_CERT_FILE")
add("a host that never answers", lambda m: (m.config(), m.answer("identity", Fault(hang=True))), "in time", status=3, waits=True)
add("a connection that breaks off", lambda m: (m.config(), m.answer("identity", Fault(reset=True))), "closed the connection")
add("a login page", lambda m: (m.config(), m.routes.update({"identity.": Plain(200)})), "did not come from OCI")
add("plain http", lambda m: (m.config(), m.arguments.extend(["--endpoint", "http://identity.us-chicago-1.oci.oraclecloud.com"])), "https only")
add("an endpoint that is no URL", lambda m: (m.config(), m.arguments.extend(["--endpoint", "https://127.0.0.1:port"])), "not a URL")
add("Identity is down", lambda m: (m.config(), m.answer("identity", Fault(status=503))), "answered 503", status=3)
add("Identity throttles", lambda m: (m.config(), m.answer("identity", Fault(status=429))), "answered 429", status=3)
add("a clock that is ahead", lambda m: (m.config(), setattr(m.oci, "clock_offset", -7200.0)), "clock is 2 h ahead", status=0)
add("a clock that is behind", lambda m: (m.config(), setattr(m.oci, "clock_offset", 600.0)), "clock is 10 min behind", status=0)

# Generative AI.

add("a region without the service, through a proxy", lambda m: (m.call(), m.routes.update({"inference.": 502})), "not offered in us-chicago-1", process=True)
add("a compartment of nobody", lambda m: (m.call(compartment=NOWHERE), m.answer("inference", NOT_FOUND)), "may not use Generative AI", "allow group", NOWHERE)
add("a compartment cut off", lambda m: (m.config(), m.call(compartment=m.oci.compartment[:-5]), m.answer("inference", NOT_FOUND)), "not copied correctly", "compartment")
add("a project as compartment", lambda m: m.call(compartment=PROJECT), "not the OCID of a compartment")
add("a name as compartment", lambda m: m.call(compartment="my-compartment"), "not the OCID of a compartment")
add("a compartment as project", lambda m: (m.config(), m.arguments.extend(["--project", NOWHERE])), "not the OCID of a project")
add("a project of another region", lambda m: (m.edit(region=FAR), m.arguments.extend(["--project", PROJECT]), m.answer("inference", NOT_FOUND)), "project is in us-chicago-1", FAR)
add("a project without a policy", lambda m: (m.config(), m.arguments.extend(["--project", PROJECT]), m.answer("inference", NOT_FOUND)), "may not use Generative AI", PROJECT)
add("a region that only Identity accepts", lambda m: (m.call(), m.routes.update({"inference.": m.stranger})), "not subscribed to the region")
add("a model that is not there", lambda m: (m.call("--model", "acme.none"), m.model_answer(404, "Entity with key acme.none not found")), "does not serve the model acme.none")
add("a model that the region does not have", lambda m: (m.call(), m.model_answer(400, "Model is not supported in this region")), "does not serve the model")
add("a model by OpenAI's name", lambda m: (m.call("--model", "gpt-4o"), m.model_answer(404, "The model gpt-4o does not exist")), "does not serve the model gpt-4o")
add("a dedicated endpoint of another region", lambda m: (m.edit(region=FAR), m.call("--model", f"ocid1.generativeaiendpoint.oc1.us-chicago-1.amaaaaaa{'e' * 52}"), m.answer("inference", NOT_FOUND)), "endpoint is in us-chicago-1")
add("a cluster instead of its endpoint", lambda m: (m.call("--model", f"ocid1.generativeaidedicatedaicluster.oc1.us-chicago-1.amaaaaaa{'e' * 52}"), m.answer("inference", NOT_FOUND)), "generativeaidedicatedaicluster", "endpoint")
INFERENCE = "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com"
for path, words in {"": "", "/v1": "'/v1'", "/openai": "'/openai'", "/20231130": "'/20231130'", "/20231130/actions/chat": "service's own API"}.items():
    add(f"the base URL ends with {path or 'nothing'}", lambda m, path=path: (m.call("--base-url", INFERENCE + path), m.answer("echo", Fault(status=404))), words, "base URL", "/openai/v1")
DEPLOYMENT = f"ocid1.datasciencemodeldeployment.oc1.us-chicago-1.amaaaaaa{'d' * 52}"
add("a deployment's base URL without its path", lambda m: (m.call("--base-url", f"https://modeldeployment.us-chicago-1.oci.customer-oci.com/{DEPLOYMENT}"), m.answer("echo", NOT_FOUND)), "/predict/v1")
add("a deployment that is not there", lambda m: (m.call("--base-url", f"https://modeldeployment.us-chicago-1.oci.customer-oci.com/{DEPLOYMENT}/predict/v1"), m.answer("inference", NOT_FOUND)), "model deployment", "DATA_SCIENCE_MODEL_DEPLOYMENT_PREDICT")
add("Generative AI is down", lambda m: (m.call(), m.answer("inference", Fault(status=500))), "Generative AI answered 500", status=3)
add("Generative AI never answers", lambda m: (m.call(), m.answer("inference", Fault(hang=True))), "in time", status=3, waits=True)
add("Generative AI throttles", lambda m: (m.call(), m.answer("inference", Fault(status=429))), "throttling", status=0)
add("a request that it does not take", lambda m: (m.call(), m.model_answer(400, "Unsupported value: temperature")), "not the request", "temperature")

# An API key of Generative AI itself.

BEARER = "sk-abcdefghijklmnop0123456789"
add("a Generative AI API key that is refused", lambda m: (m.env(OCI_GENAI_API_KEY=BEARER, OCI_GENAI_REGION="us-chicago-1"), m.call()), "OCI_GENAI_API_KEY", "another region", "policy", "generativeaiapikey", process=True)
add("a Generative AI API key without a region", lambda m: (m.env(OCI_GENAI_API_KEY=BEARER), m.call()), "No region is known")
add("a Generative AI API key without a compartment's policy", lambda m: (m.env(OCI_GENAI_API_KEY=BEARER, OCI_GENAI_REGION="us-chicago-1"), m.call(compartment=NOWHERE), m.answer("inference", NOT_FOUND)), "generativeaiapikey")

# More, drawn from public threads after the mechanisms stood: they show what had been missed.

INDENTED = "\n    ".join
NESTED = json.dumps({"code": "400", "message": json.dumps({"error": {"message": "Unsupported value: 'temperature' has to be 1."}})}).encode()


def other_authority(m: Machine) -> None:
    """The CA file of a pod, with the authority of another cluster."""
    from ...interceptor import certify_hosts

    certify_hosts(m.home / "ca.crt")


add("an indented key in OCI_CLI_KEY_FILE", lambda m: m.full_env(KEY_FILE=INDENTED(m.key.pem().splitlines()[1:-1]), KEY_CONTENT=""), "OCI_CLI_KEY_FILE", "holds")
add("a key on one line with blanks in key_file", lambda m: m.edit(key_file=" ".join(m.key.pem().splitlines()[1:-1])), "key_file", "holds the key itself")
add("a token in OCI_CLI_TENANCY", lambda m: m.full_env(TENANCY=m.token()), "OCI_CLI_TENANCY", "not an OCID")
add("a key in OCI_CLI_REGION", lambda m: m.full_env(REGION=m.key.pem()), "not a region")
add("a token as OCI_COMPARTMENT_ID", lambda m: (m.config(), m.env(OCI_COMPARTMENT_ID=m.token())), "not the OCID of a compartment")
add("a key in OCI_CONFIG_FILE", lambda m: m.env(OCI_CONFIG_FILE=m.key.pem()), "config file")
add("a Generative AI key as profile", lambda m: (m.config(), m.env(OCI_CLI_PROFILE="sk-" + "abcdefgh12345678" * 3)), "no profile", "OCI_CLI_PROFILE")
add("a password in the endpoint", lambda m: (m.config(), m.arguments.extend(["--endpoint", "https://user:hunter2@127.0.0.1:9"]), m.env(NO_PROXY="127.0.0.1")), "refuses connections")
add("a public key in OCI_CLI_KEY_CONTENT", lambda m: m.full_env(KEY_CONTENT=m.key.public_pem()), "OCI_CLI_KEY_CONTENT", "is a public key")
add("a PuTTY key", lambda m: m.key_file("PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: x\nPublic-Lines: 6\nAAAA\n"), "PuTTY", "puttygen")
add("a key in binary form", lambda m: m.key_file(base64.b64decode(body(m.key.pem()))), "DER", "openssl pkey -inform DER")
add("a passphrase in quotes", lambda m: (m.config(passphrase="right"), m.edit(pass_phrase='"right"')), "pass_phrase", "quotes")
add("quotes of a word processor", lambda m: m.edit(user=f"“{m.oci.user}”"), "user", "quotes")
add("quotes of an env file", lambda m: m.full_env(USER=f'"{m.oci.user}"'), "OCI_CLI_USER", "quotes")
add("quotes around OCI_CLI_REGION", lambda m: m.full_env(REGION="'us-chicago-1'"), "OCI_CLI_REGION", "quotes")
add("a zero-width letter in a user", lambda m: m.edit(user=f"{m.oci.user[:30]}\u200b{m.oci.user[30:]}"), "user", "U+200B")
add("a hard blank in a region", lambda m: m.edit(region="us-chicago-1\u00a0"), "accepted", status=0)
add("a file of Windows", lambda m: (m.config(), m.write(m.text.replace("\n", "\r\n"))), "accepted", status=0)
add("a file with a byte order mark", lambda m: (m.config(), m.write(m.text, "utf-8-sig")), "accepted", status=0)
add("a file in UTF-16 without a byte order mark", lambda m: (m.config(), m.write(m.text, "utf-16-le")), "UTF-16", "Save it as UTF-8", process=True)
add("a file in Latin-1", lambda m: (m.config(), m.write(m.text + "# é\n", "latin-1")), "Latin-1", "Save it as UTF-8")
add("an indented field", lambda m: (m.config(), m.write(m.text.replace("\ntenancy", "\n  tenancy"))), "next line", "indented")
add("a config file that is a directory", lambda m: m.env(OCI_CLI_CONFIG_FILE=str(m.home)), "is a directory", "OCI_CLI_CONFIG_FILE")
add("a profile whose case is another", lambda m: (m.config(profile="PROD"), m.arguments.extend(["--profile", "prod"])), "There is no profile prod", "PROD")
add("a home directory of somebody else in a path", lambda m: m.edit(key_file="~nosuchperson/.oci/key.pem"), "key_file", "~nosuchperson")
add("a region's name in capitals", lambda m: m.edit(region="US-CHICAGO-1"), "accepted", status=0)
add("an availability domain as region", lambda m: (direct(m, no_such_name), m.edit(region="us-chicago-1-ad-1")), "us-chicago-1-ad-1", "spelling")
add("a region without its number", lambda m: (direct(m, no_such_name), m.edit(region="us-chicago")), "us-chicago", "spelling")
add("an instance as user", lambda m: m.edit(user=f"ocid1.instance.oc1.iad.{'a' * 60}"), "user is the OCID of an instance")
add("a user of another realm", lambda m: m.edit(user=NOBODY.replace(".oc1.", ".oc2.")), "user is in realm oc2")
add("a session whose key file is gone", lambda m: (m.config(session=True), Path(m.value("key_file")).unlink()), "key_file", "does not exist")
add("a session with an empty token", lambda m: (m.config(session=True), Path(m.value("security_token_file")).write_text("")), "security_token_file", "not a security token", "oci session authenticate")
add("another cloud's metadata service", lambda m: (m.instance(), m.answer("metadata", Fault(status=404, body=b"<html>"))), "not an OCI instance", process=True)
add("a metadata service that forbids", lambda m: (m.instance(), m.answer("metadata", Fault(status=403))), "metadata", "403")
add("a metadata service that never answers", lambda m: (m.instance(), m.answer("metadata", Fault(hang=True))), "not an OCI instance", waits=True)
add("a federation that never answers", lambda m: (m.instance(), m.answer("federation", Fault(hang=True))), "firewall, route tables", status=3, waits=True)
add("an instance whose services take their time", lambda m: (m.instance(), setattr(m.oci, "fault_source", lambda name, record: {"federation": Fault(hang=True), "metadata": Fault(delay=1.5)}.get(name))), "No credential arrived from the instance metadata service within 5 s", status=3, waits=True)
add("an instance whose federation throttles", lambda m: (m.instance(), m.answer("federation", Fault(status=429))), "throttling", status=3)
add("an instance whose federation knows no such thing", lambda m: (m.instance(), m.answer("federation", Fault(status=404, code="NotAuthorizedOrNotFound"))), "404")
add("an encrypted resource key without passphrase", lambda m: (m.principal("resource_principal", passphrase="right"), m.variables.pop(f"{RP}PRIVATE_PEM_PASSPHRASE")), f"{RP}PRIVATE_PEM", "encrypted", "passphrase")
add("a resource principal without its region", lambda m: (m.principal("resource_principal"), m.variables.pop(f"{RP}REGION")), f"{RP}REGION")
add("a pod without its authority", lambda m: (m.principal("oke_workload_identity", directory=m.home), (m.home / "ca.crt").write_text("nothing")), "CA file holds no certificate", "service account")
add("a pod with another cluster's authority", lambda m: (pod(m), other_authority(m)), "cluster's CA file")
add("a pod whose token is none", lambda m: (m.principal("oke_workload_identity", directory=m.home), m.env(OCI_CLI_AUTH="oke_workload_identity"), (m.home / "token").write_text("not a token")), "service account token")
add("a pod whose token is no web token", lambda m: (m.principal("oke_workload_identity", directory=m.home), m.env(OCI_CLI_AUTH="oke_workload_identity"), (m.home / "token").write_text("nonsense")), "service account token", "not a security token")
add("a pod behind a proxy that is down", lambda m: (pod(m), m.env(HTTPS_PROXY="http://127.0.0.1:9")), "HTTPS_PROXY")
add("a pod's proxy that refuses, and another proxy", lambda m: (m.principal("oke_workload_identity", directory=m.home), m.env(OCI_CLI_AUTH="oke_workload_identity", HTTPS_PROXY="http://127.0.0.1:9", KUBERNETES_SERVICE_HOST="127.0.0.1")), "host 127.0.0.1 refuses connections")
add("an error of OpenAI in a text", lambda m: (m.call(), m.answer("inference", Fault(status=400, body=NESTED))), "not the request: 400: Unsupported value: 'temperature' has to be 1")
add("a request without a compartment", lambda m: (m.config(), m.arguments.extend(["--project", PROJECT]), m.model_answer(400, "Missing required parameter: compartmentId")), "compartment")
add("a retired model", lambda m: (m.call("--model", "cohere.command"), m.model_answer(400, "cohere.command is retired")), "does not serve the model cohere.command")
add("a model that is not on demand", lambda m: (m.call("--model", "x.y"), m.model_answer(404, "x.y is only available on dedicated AI clusters")), "does not serve the model x.y")
add("a service limit", lambda m: (m.call(), m.model_answer(400, "The following service limits were exceeded", "LimitExceeded")), "limit or quota", "LimitExceeded")
add("Generative AI says 403", lambda m: (m.call(), m.model_answer(403, "Authorization failed or requested resource not found.")), "may not use Generative AI", "allow group")
add("Generative AI says 401 in its own form", lambda m: (m.call(), m.model_answer(401, "The required information to complete authentication was not provided or was incorrect.")), "not subscribed")
add("the whole path as base URL", lambda m: (m.call("--base-url", f"{INFERENCE}/openai/v1/chat/completions"), m.answer("echo", Fault(status=404))), "base URL", "Use https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/openai/v1")
add("a base URL without https", lambda m: m.call("--base-url", INFERENCE.removeprefix("https://") + "/openai/v1"), "https://")
add("a compartment of another realm", lambda m: (m.call(compartment=NOWHERE.replace(".oc1.", ".oc2.")), m.answer("inference", NOT_FOUND)), "compartment is in realm oc2")
add("a missing SSL_CERT_DIR", lambda m: (m.config(), m.env(SSL_CERT_FILE="", SSL_CERT_DIR="/nowhere/certs")), "SSL_CERT_DIR")
add("an SSL_CERT_FILE that is a directory", lambda m: (m.config(), m.env(SSL_CERT_FILE=str(m.home))), "SSL_CERT_FILE")
add("a proxy without a scheme", lambda m: (m.config(), m.env(HTTPS_PROXY="127.0.0.1:9")), "proxy 127.0.0.1:9 (HTTPS_PROXY)")
add("a proxy in small letters", lambda m: (m.config(), setattr(m, "intercepted", False), m.env(https_proxy="http://127.0.0.1:9")), "proxy 127.0.0.1:9 (https_proxy)")
add("a proxy that does not speak TLS", lambda m: (m.config(), setattr(m, "intercepted", False), m.env(HTTPS_PROXY=Plain().url.replace("http:", "https:"))), "does not speak TLS", "HTTPS_PROXY")
add("an endpoint that does not speak TLS", lambda m: (m.config(), setattr(m, "intercepted", False), m.arguments.extend(["--endpoint", Plain().url.replace("http:", "https:")])), "does not speak TLS", "port")
add("a proxy that sends to a login page", lambda m: (m.config(), m.routes.update({"": 302})), "proxy", "302")
add("a proxy for one host too many", lambda m: (m.config(), m.routes.update({"identity.": 403})), "proxy", "403", "host identity.us-chicago-1")
add("Identity redirects", lambda m: (m.config(), m.routes.update({"identity.": Plain(302, "location: https://login.example/\r\n")})), "did not come from OCI")
add("a Generative AI API key and a base URL that work", lambda m: (m.variables.update(OCI_GENAI_API_KEY=m.oci.add_bearer_key(), OCI_GENAI_BASE_URL=INFERENCE + "/openai/v1"), m.call()), "accepted", status=0)
add("a Generative AI API key that works", lambda m: (m.variables.update(OCI_GENAI_API_KEY=m.oci.add_bearer_key(), OCI_GENAI_REGION="us-chicago-1"), m.call()), "accepted", status=0)
