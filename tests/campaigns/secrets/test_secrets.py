"""No key, token or passphrase shows: not in texts, logs, tracebacks with local variables, pickles or files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import re
import stat
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from oci_httpx_auth import (
    APIKey,
    Credential,
    InstancePrincipal,
    OCIAuthError,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SDKSigner,
    SecurityToken,
    default_credentials,
)
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.diagnosis import check

from ...conftest import TENANCY, USER, Clock, Key, settle
from ...platforms import PREFIX
from ...standin import FakeOCI, Fault

pytestmark = pytest.mark.slow

PASSPHRASE = "correct-horse-battery"
DELEGATION = "delegated-by-somebody-else"

# How any JSON web token begins, and any private key in PEM form, whatever cuts them short.
_LOOKS_SECRET = re.compile(r"(?<![\w-])eyJ[\w-]{4}|PRIVATE KEY-----(?:\\[rn]|\s)+[A-Za-z0-9+/]")


class Secrets:
    """What must not be shown."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {PASSPHRASE: "the passphrase", DELEGATION: "the delegation token"}

    def text(self, what: str, text: str) -> None:
        self._texts[text] = what

    def key(self, what: str, key: Any) -> None:
        if not isinstance(key, rsa.RSAPrivateKey):
            return
        numbers = key.private_numbers()
        for number in (numbers.d, numbers.p, numbers.q):
            self._texts[str(number)] = self._texts[f"{number:x}"] = f"{what}, a number of it"
        for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
            pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
            for line in pem.splitlines()[9:-1]:  # the lines before have the modulus, which is public
                self._texts[line[:24]] = f"{what}, a line of it"

    def token(self, what: str, token: str) -> None:
        signature = token.rpartition(".")[2]
        if len(signature) > 20:
            self._texts[signature[:24]] = f"{what}, its signature"

    def found_in(self, shown: list[tuple[str, str]]) -> list[str]:
        """Where which of them shows."""
        found = []
        # Most texts are shown many times and hold no secret: search each once, and all of them together first.
        places: dict[str, set[str]] = {}
        for place, text in shown:
            places.setdefault(text, set()).add(place)
        everything = "\n".join(places)
        leaked = {secret: what for secret, what in self._texts.items() if secret in everything}
        for text, shown_at in places.items():
            found += [f"{place}: {what}" for place in shown_at for secret, what in leaked.items() if secret in text]
            if match := _LOOKS_SECRET.search(text):
                around = text[max(match.start() - 60, 0) : match.end() + 20]
                found += [f"{place}: {match[0]!r} in {around!r}" for place in shown_at]
        return sorted(set(found))


class Machine:
    """A machine on which every mode works, and a list of all that was shown on it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.oci = FakeOCI(clock=self.clock)
        self.oci.on_record = self._note
        self.secrets = Secrets()
        self.shown: list[tuple[str, str]] = []
        self.errors = 0
        self._directory, self._monkeypatch, self._count = directory, monkeypatch, 0
        self._options: dict[str, Any] = {"_service": AuthService(clock=self.clock, sleep=lambda _: None)}

    def _note(self, record: Any) -> None:
        """Whatever comes over the wire as a credential is a secret."""
        self.shown.append(("a record's repr", repr(record)))
        if record.key_id.startswith("ST$"):
            self.secrets.token("a token", record.key_id)
        authorization = record.header("authorization") or ""
        if "signature=" in authorization:
            self.secrets.text("a request's signature", authorization.rpartition('signature="')[2][:24])

    def become(self, mode: str) -> Any:
        """A provider of this mode, new from the ground up."""
        self._count += 1
        folder = self._directory / str(self._count)
        name, _, how = mode.partition(", ")
        passphrase = PASSPHRASE if "passphrase" in how else None
        with self._monkeypatch.context() as patched:
            if name in ("api key", "session"):
                config = self.oci.write_config(folder, session=name == "session", passphrase=passphrase)
                key_file = folder / ("oci_api_key.pem" if name == "api key" else "sessions/DEFAULT/oci_api_key.pem")
                pem = key_file.read_bytes().removesuffix(b"OCI_API_KEY")
                password = passphrase.encode() if passphrase else None
                self.secrets.key("the key in the file", serialization.load_pem_private_key(pem, password))
                if name == "api key":
                    return APIKey.from_config(config_file=config)
                self.secrets.token("the session token", (folder / "sessions/DEFAULT/token").read_text())
                options = {"auth_endpoint": self.oci.auth_endpoint, **self._options}
                return SecurityToken.from_config(config_file=config, **options)
            patched.setenv("OCI_CLI_FEDERATION_ENDPOINT", self.oci.federation_endpoint)
            if name == "instance":
                return InstancePrincipal(metadata_url=self.oci.metadata_url, **self._options)
            if name == "workload":
                variables = self.oci.environment("oke_workload_identity", directory=folder)
                self.secrets.token("the service account's token", (folder / "token").read_text())
            else:
                variables = self.oci.environment(
                    "resource_principal",
                    version=name.partition(" ")[2],
                    directory=folder if "files" in how else None,
                    passphrase=passphrase,
                )
            for variable, value in variables.items():
                patched.setenv(variable, value)
                if variable.startswith(f"{PREFIX}RPST") and "ENDPOINT" not in variable and "files" not in how:
                    self.secrets.token("the injected token", value)
            if name == "workload":
                return OKEWorkloadIdentity(port=self.oci.tls_port, **self._options)
            return ResourcePrincipal(metadata_url=self.oci.metadata_url, **self._options)

    def look(self, *objects: Any) -> None:
        """Note all that these objects show of themselves."""
        for thing in objects:
            name = type(thing).__name__
            self.shown += [(f"str of {name}", str(thing)), (f"repr of {name}", repr(thing))]
            if hasattr(thing, "__dict__"):
                self.shown.append((f"vars of {name}", repr(vars(thing))))
            try:
                self.shown.append((f"pickle of {name}", pickle.dumps(thing).decode("latin-1")))
            except (OCIAuthError, TypeError, AttributeError, pickle.PicklingError) as error:
                self.look_at_error(error)

    def look_at_signer(self, signer: OCISigner) -> None:
        credential = signer._cache._state.credential
        if credential is not None:
            self.secrets.key("the key in use", credential.private_key)
            self.look(credential, credential.headers)
        self.look(signer, signer._provider, signer._cache, signer.status(), signer._cache.status())

    def look_at_error(self, error: BaseException) -> None:
        """Note all that an error shows, as the tools do that show local variables of the whole chain."""
        links, seen = [error], set()
        self.errors += 1
        while links:
            link = links.pop()
            if id(link) in seen:
                continue
            seen.add(id(link))
            links += [other for other in (link.__cause__, link.__context__) if other is not None]
            kind = type(link).__name__
            self.shown += [(f"str of {kind}", str(link)), (f"repr of {kind}", repr(link))]
            self.shown.append((f"vars of {kind}", repr(vars(link))))
            # Dask and Ray pickle causes as well, with whatever an error has for attributes.
            with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):
                self.shown.append((f"pickle of {kind}", pickle.dumps(link).decode("latin-1")))
            for frame in traceback.TracebackException.from_exception(link, capture_locals=True).stack:
                if frame.filename != __file__:  # what the caller holds in hands is the caller's
                    place = f"{kind}, {Path(frame.filename).name}:{frame.lineno} {frame.name}"
                    self.shown += [(f"{place}, {name}", value) for name, value in (frame.locals or {}).items()]

    @contextlib.contextmanager
    def failure(self, kind: type[Exception] = OCIAuthError) -> Iterator[None]:
        """Note the error that is raised here, if one is."""
        try:
            yield
        except kind as error:
            self.look_at_error(error)


@pytest.fixture
def machine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Machine]:
    """Looks through logs, warnings and output at the end, and fails for what is found."""
    caplog.set_level(logging.DEBUG)
    machine = Machine(tmp_path, monkeypatch)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with machine.oci:
            yield machine
            settle()
    for record in caplog.records:
        machine.shown += [("the log", record.getMessage()), ("a log record", repr(vars(record)))]
    machine.shown += [("a warning", str(warning)) for warning in warned]
    machine.shown += [("the output", text) for text in capfd.readouterr()]
    assert machine.secrets.found_in(machine.shown) == []


def quoting(record: Any) -> Fault:
    """An answer that repeats what it was sent."""
    message = f"{record.body[-300:].decode('latin-1')} {record.header('authorization')}"
    return Fault(status=400, body=json.dumps({"code": "Refused", "message": message}).encode())


FAULTS: dict[str, Callable[[Any], Fault]] = {
    **{str(status): lambda _, status=status: Fault(status=status) for status in (400, 401, 503)},
    "a reset": lambda _: Fault(reset=True),
    "half an answer": lambda _: Fault(truncate=True),
    "no JSON": lambda _: Fault(status=200, body=b"<html>"),
    "too much": lambda _: Fault(status=200, body=b"x" * (2 << 20)),
    "a quotation": quoting,
    **{
        f"token {flaw}": lambda _, flaw=flaw: Fault(token=flaw)
        for flaw in ("expired", "missing", "wrong_key", "garbage")
    },
}
SERVICES = {
    "api key": (),
    "api key, passphrase": (),
    "session": ("session_refresh",),
    "session, passphrase": ("session_refresh",),
    "instance": ("metadata", "federation"),
    "resource 1.1": ("metadata", "federation", "rpt", "rpst"),
    "resource 2.1.2": ("rpt", "rpst"),
    "resource 2.1.2, files, passphrase": (),
    "resource 2.2": (),
    "resource 2.2, files, passphrase": (),
    "resource 3.0": ("rpt", "rpst"),
    "workload": ("workload_identity",),
}


@pytest.mark.parametrize("mode", SERVICES)
def test_nothing_secret_shows_while_all_is_well_or_a_401_persists(machine: Machine, mode: str) -> None:
    """Before, while and after requests are signed, accepted and refused."""
    provider = machine.become(mode)
    signer = OCISigner(provider, clock=machine.clock)
    machine.look_at_signer(signer)
    with httpx.Client(auth=signer) as client:
        assert client.get(f"{machine.oci.url}/x").status_code == 200
        machine.look_at_signer(signer)
        machine.oci.fault_source = lambda service, _: Fault(status=401) if service == "echo" else None
        response = client.post(f"{machine.oci.url}/x", json={})
        assert response.status_code == 401
        # httpx's objects hold what goes over the wire, so their attributes and pickles have it; their reprs do not.
        machine.shown.append(("httpx's reprs", f"{response!r} {response.request!r} {response.request.headers!r}"))
    machine.look_at_signer(signer)


@pytest.mark.parametrize(
    ("mode", "service"), [(mode, service) for mode, services in SERVICES.items() for service in services]
)
def test_nothing_secret_shows_when_a_service_fails(machine: Machine, mode: str, service: str) -> None:
    """Each kind of failure, when there is no credential yet and when the present one was refused."""
    for fault in FAULTS.values():
        signer = OCISigner(machine.become(mode), clock=machine.clock)
        with httpx.Client(auth=signer) as client:
            for step in ("cold", "well", "refused", "expired"):
                broken = step != "well"
                machine.oci.fault_source = lambda name, record, broken=broken, fault=fault: (
                    fault(record) if broken and name == service else None
                )
                if step == "refused":
                    machine.oci.revoke_tokens()
                if step == "expired":
                    machine.clock.now += 3601
                with machine.failure():
                    client.get(f"{machine.oci.url}/x")
                settle()
                machine.look_at_signer(signer)
    assert machine.errors > len(FAULTS)


def test_nothing_secret_shows_when_a_service_hangs_and_breaks_off(machine: Machine) -> None:
    """A task and a thread wait for a refresh, whose connection breaks in the end."""
    machine.oci.fault_source = lambda service, _: Fault(hang=True) if service == "session_refresh" else None
    signer = OCISigner(machine.become("session"), clock=machine.clock)
    asked = threading.Event()

    def note(record: Any) -> None:
        if record.service == "session_refresh":
            asked.set()

    async def main() -> None:
        async with httpx.AsyncClient(auth=signer) as client:
            await client.get(f"{machine.oci.url}/x")
            machine.clock.now += 3601
            machine.oci.on_record = note
            task = asyncio.create_task(client.get(f"{machine.oci.url}/x"), name="a request")
            assert await asyncio.to_thread(asked.wait, 20)
            machine.shown += [("a task", repr(task)), ("threads", repr(threading.enumerate()))]
            machine.shown += [("a task's stack", repr(frame.f_locals)) for frame in task.get_stack()]
            machine.look_at_signer(signer)
            machine.oci.stop()
            with machine.failure():
                await task

    asyncio.run(main())
    assert machine.errors


# What is wrong with local files, found when a provider is made or when it looks again.


def ec_key() -> str:
    form = serialization.PrivateFormat.PKCS8
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


BROKEN_KEYS: dict[str, Callable[[str, Key], str]] = {
    "half": lambda pem, _: pem[: len(pem) // 2],
    "without its end": lambda pem, _: pem.replace("-----END", "-----NED"),
    "garbled": lambda pem, _: pem.replace("\n", "\nAA", 5),
    "another's": lambda _, other: other.pem(),
    "another's, encrypted": lambda _, other: other.pem("wrong-passphrase"),
    "elliptic": lambda *_: ec_key(),
    "a megabyte": lambda pem, _: pem + "x" * (1 << 20),
    "twice": lambda pem, _: pem.replace("-----END", pem + "-----END"),
}


@pytest.mark.parametrize("mode", ["api key", "api key, passphrase", "session", "session, passphrase"])
@pytest.mark.parametrize("flaw", BROKEN_KEYS)
def test_a_broken_key_is_not_quoted(machine: Machine, other_key: Key, mode: str, flaw: str) -> None:
    """When the provider looks again, and when one is made."""
    machine.secrets.key("the other key", other_key.private)
    provider = machine.become(mode)
    key_file = Path(provider._key_file)
    pem = key_file.read_text()
    for line in pem.splitlines()[2:-1]:
        machine.secrets.text("a line of the key file", line[:24])
    key_file.write_text(BROKEN_KEYS[flaw](pem, other_key))
    profile = provider._settings.profile
    with machine.failure():
        provider.fetch()
    with machine.failure():
        OCISigner(config_file=profile.path)
    with machine.failure():
        OCISigner(auth=provider.mode, config_file=profile.path)
    machine.look(provider)
    if flaw == "twice":
        return
    assert machine.errors >= 3


@pytest.mark.parametrize(
    "content",
    [
        "pass_phrase = {passphrase}\n",
        "[DEFAULT]\npass_phrase {passphrase}\n",
        "[DEFAULT]\npass_phrase = {passphrase}\npass_phrase = {passphrase}\n",
        "[DEFAULT]\npass_phrase = {passphrase}\nuser = x\n",
        "[DEFAULT]\npass_phrase = {passphrase}\nkey_content = {key}\n",
        "[DEFAULT]\nuser={user}\ntenancy={tenancy}\nfingerprint={passphrase}\nkey_file=k\npass_phrase={passphrase}\n",
        "[DEFAULT]\nuser={user}\ntenancy={key}\nfingerprint=x\nkey_file=k\npass_phrase={passphrase}\n",
        "[DEFAULT]\nuser={user}\ntenancy={tenancy}\nfingerprint={fingerprint}\nkey_file=/nowhere\npass_phrase={passphrase}\n",
        "[DEFAULT]\nkey_file=/nowhere\nsecurity_token_file=/nowhere\npass_phrase={passphrase}\n",
        "[DEFAULT]\npass_phrase = {passphrase}\n\x00\udcff",
        "[OTHER]\npass_phrase = {passphrase}\n",
    ],
)
def test_a_broken_config_file_is_not_quoted(machine: Machine, tmp_path: Path, key: Key, content: str) -> None:
    """Not the line that cannot be read, nor the value that is none."""
    machine.secrets.key("the key", key.private)
    values = {"user": USER, "tenancy": TENANCY, "fingerprint": key.fingerprint, "passphrase": PASSPHRASE}
    text = content.format(key=key.pem().replace("\n", "\n  "), **values)
    if "fingerprint={passphrase}" in content:  # a value in the wrong place is quoted, so that it can be found
        text = text.replace(f"fingerprint={PASSPHRASE}", "fingerprint=x")
    config = tmp_path / "config"
    config.write_text(text, errors="surrogateescape")
    for attempt in (
        lambda: OCISigner(config_file=config),
        lambda: APIKey.from_config(config_file=config),
        lambda: SecurityToken.from_config(config_file=config),
        lambda: default_credentials("api_key", None, config),
    ):
        with machine.failure():
            attempt()
    assert machine.errors == 4


def test_wrong_arguments_are_not_quoted(machine: Machine, key: Key, other_key: Key, tmp_path: Path) -> None:
    """Keys and passphrases given in code."""
    for pair in (key, other_key):
        machine.secrets.key("a key", pair.private)
    identity = {"tenancy": TENANCY, "user": USER, "fingerprint": key.fingerprint}
    key_file = tmp_path / "key.pem"
    key_file.write_text(key.pem(PASSPHRASE))
    token_file = tmp_path / "token"
    token_file.write_text(machine.oci.issue_token(other_key.private.public_key()))
    for attempt in (
        lambda: APIKey(**identity, private_key=other_key.pem(), passphrase=PASSPHRASE),
        lambda: APIKey(**identity, private_key=other_key.pem().encode(), passphrase=PASSPHRASE.encode()),
        lambda: APIKey(**identity, private_key=key.pem("x"), passphrase=PASSPHRASE),
        lambda: APIKey(**identity, private_key=key.pem()[:900], passphrase=PASSPHRASE),
        lambda: APIKey(**identity, private_key=key.pem(), key_file=key_file, passphrase=PASSPHRASE),
        lambda: APIKey(**{**identity, "user": "nobody"}, private_key=key.pem(), passphrase=PASSPHRASE),
        lambda: APIKey(**{**identity, "region": "no region"}, private_key=key.pem(), passphrase=PASSPHRASE),
        lambda: APIKey(**{**identity, "region": key.pem()}, key_file=key_file, passphrase=PASSPHRASE),
        lambda: APIKey(**{**identity, "tenancy": key.pem()}, key_file=key_file, passphrase=PASSPHRASE),
        lambda: SecurityToken(token_file=token_file, key_file=key_file, passphrase=PASSPHRASE),
        lambda: SecurityToken(token_file=token_file, key_file=key_file, passphrase=PASSPHRASE, region="no region"),
        lambda: SecurityToken(token_file=key_file, key_file=key_file, passphrase=PASSPHRASE),
        lambda: SecurityToken(token_file=key_file, key_file=key_file),
        lambda: OCISigner(key.pem()),  # type: ignore[arg-type]
        lambda: OCISigner(auth=key.pem()),
    ):
        with machine.failure():
            attempt()
    assert machine.errors == 15
    machine.look(APIKey(**identity, private_key=key.pem(), passphrase=PASSPHRASE))
    machine.look(
        APIKey(**identity, private_key=key.private), APIKey(**identity, key_file=key_file, passphrase=PASSPHRASE)
    )


@pytest.mark.parametrize("where", ["texts", "files"])
def test_a_broken_environment_is_not_quoted(
    machine: Machine, key: Key, other_key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """API keys and resource principals whose variables are wrong."""
    for pair in (key, other_key):
        machine.secrets.key("a key", pair.private)
    token = machine.oci.issue_token(key.private.public_key())

    def set_to(name: str, value: str) -> None:
        if where == "files":
            (tmp_path / name).write_text(value)
        monkeypatch.setenv(name, str(tmp_path / name) if where == "files" else value)

    monkeypatch.setenv(f"{PREFIX}VERSION", "2.2")
    set_to(f"{PREFIX}PRIVATE_PEM_PASSPHRASE", PASSPHRASE)
    for pem in (other_key.pem(), key.pem()[:900], key.pem("x"), key.pem("x").replace("\n", "\nAA")):
        set_to(f"{PREFIX}PRIVATE_PEM", pem)
        for bad in (token, token[:-700], token.replace(".", "+"), key.pem()):
            set_to(f"{PREFIX}RPST", bad)
            with machine.failure():
                ResourcePrincipal()
            with machine.failure():
                OCISigner()
    monkeypatch.setenv(f"{PREFIX}VERSION", "2.1.2")
    for name in ("RPT_ENDPOINT", "RPST_ENDPOINT", "RESOURCE_ID", "TENANCY_ID"):
        monkeypatch.setenv(f"{PREFIX}{name}", "x")
    with machine.failure():
        OCISigner()
    monkeypatch.setenv(f"{PREFIX}VERSION", token)
    with machine.failure():
        OCISigner()
    monkeypatch.delenv(f"{PREFIX}VERSION")
    for name, value in {"USER": USER, "TENANCY": TENANCY, "PASSPHRASE": PASSPHRASE, "KEY_CONTENT": key.pem()}.items():
        monkeypatch.setenv(f"OCI_CLI_{name}", value)
    with machine.failure():
        APIKey.from_env()
    monkeypatch.setenv("OCI_CLI_FINGERPRINT", other_key.fingerprint)
    with machine.failure():
        APIKey.from_env()
    with machine.failure():
        OCISigner()
    assert machine.errors == 2 * 16 + 5


@pytest.mark.parametrize("flaw", ["a b", "\xe9", "x" * (1 << 21), "aaaa.eyJhIjogMX0.bbbb", "eyJhIjogMX0.bbbb"])
def test_a_broken_token_file_is_not_quoted(machine: Machine, flaw: str) -> None:
    """A session's and a service account's."""
    session, workload = machine.become("session"), machine.become("workload")
    for provider in (session, workload):
        path = Path(provider._token_file)
        path.write_text(path.read_text() + flaw, encoding="latin-1")
        with machine.failure():
            provider.fetch()
        path.write_text(flaw, encoding="latin-1")
        with machine.failure():
            provider.fetch()
        machine.look(provider)
    assert machine.errors == 4


class Raising:
    """A signer as the SDK has them, whose refresh fails while it holds a token in hands."""

    region = "us-chicago-1"

    def __init__(self, key: Any) -> None:
        self.private_key, self.fails = key, False

    def __call__(self, request: Any) -> None:
        if self.fails:
            raise RuntimeError("The SDK has trouble.")
        headers = "date (request-target) host opc-obo-token"
        request.headers["opc-obo-token"] = DELEGATION
        request.headers["authorization"] = f'Signature keyId="ST$abc",headers="{headers}",signature="x",version="1"'


def test_nothing_secret_shows_of_the_sdks_signers(machine: Machine, key: Key) -> None:
    """Neither the delegation token that it adds to each request, nor what it signs with."""
    machine.secrets.key("the key", key.private)
    theirs = Raising(key.private)
    signer = OCISigner(SDKSigner(theirs), clock=machine.clock)
    with httpx.Client(auth=signer) as client:
        with machine.failure():
            client.request("GET\nX", f"{machine.oci.url}/x")  # a signature that must not be made
        with machine.failure():
            asyncio.run(signer.asigned_headers("GET\nX", f"{machine.oci.url}/x"))
        assert client.get(f"{machine.oci.url}/x").status_code == 401
        machine.look_at_signer(signer)
        theirs.fails = True
        assert client.get(f"{machine.oci.url}/x").status_code == 401
        machine.look_at_signer(signer)
        with machine.failure():
            OCISigner(SDKSigner(theirs)).signed_headers("GET", machine.oci.url)
    assert machine.errors >= 3


def test_a_custom_providers_exception_stays_chained(machine: Machine, key: Key) -> None:
    """With its frames, for debugging; nothing is added to it."""

    class Own:
        def fetch(self) -> Credential:
            held = PASSPHRASE
            raise RuntimeError(f"{len(held)} letters did not open it")

    with pytest.raises(OCIAuthError) as caught:
        OCISigner(Own()).signed_headers("GET", "https://h.example/")
    machine.look_at_error(caught.value)
    cause = caught.value.__cause__
    assert isinstance(cause, RuntimeError)
    frames = traceback.TracebackException.from_exception(cause, capture_locals=True).stack
    assert frames[-1].locals is not None
    assert PASSPHRASE in frames[-1].locals["held"]


# Files with secrets.


def test_files_are_private_from_their_first_byte(machine: Machine) -> None:
    """Whatever the umask: each file of the session's directory is created with mode 0600, under a name of its own."""
    provider = machine.become("session")
    folder = Path(provider._token_file).parent
    opened: list[tuple[str, int, int]] = []
    modes: list[int] = []
    listening = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(str(folder)):
            opened.append(arguments)
        if listening and event == "os.rename" and str(arguments[0]).startswith(str(folder)):
            modes.append(stat.S_IMODE(os.stat(arguments[0]).st_mode))

    sys.addaudithook(hook)  # there is no way to take it off again
    umask = os.umask(0)
    try:
        provider.fetch()
        provider.fetch()
        provider.fetch()
    finally:
        os.umask(umask)
        listening = False
    created = [(path, flags) for path, _, flags in opened if flags & os.O_CREAT]
    assert len(created) == len(modes) == 2
    assert all(flags & os.O_EXCL for _, flags in created)
    assert set(modes) == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if "public" not in path.name} == {0o600}


# A secret in place of a path or a name.

PASTED: dict[str, Callable[[str, str], str]] = {
    "pem": lambda pem, token: pem,
    "escaped": lambda pem, token: pem.replace("\n", "\\n"),
    "body": lambda pem, token: "".join(pem.splitlines()[1:-1]),
    "token": lambda pem, token: token,
    "ST$": lambda pem, token: f"ST${token}",
}
VARIABLES = (
    *(
        f"OCI_CLI_{name}"
        for name in ("AUTH", "CONFIG_FILE", "PROFILE", "USER", "TENANCY", "FINGERPRINT", "KEY_FILE", "REGION")
    ),
    *(f"OCI_CLI_{name}" for name in ("SECURITY_TOKEN_FILE", "DELEGATION_TOKEN_FILE", "RC_FILE", "FEDERATION_ENDPOINT")),
    *("OCI_CONFIG_FILE", "OCI_CONFIG_PROFILE", "OCI_REGION", "OCI_PRIVATE_KEY_PATH", "OCI_METADATA_BASE_URL"),
    *(f"OCI_KUBERNETES_SERVICE_ACCOUNT_{name}" for name in ("TOKEN_PATH", "CERT_PATH")),
    "KUBERNETES_SERVICE_HOST",
    *(
        f"{PREFIX}{name}"
        for name in ("VERSION", "REGION", "RPST", "RPT_ENDPOINT", "RPST_ENDPOINT", "RPT_PATH", "RESOURCE_ID")
    ),
    *(f"{PREFIX}{name}" for name in ("TENANCY_ID", "PRIVATE_PEM_PASSPHRASE", "SECURITY_CONTEXT")),
)
FIELDS = (
    "user",
    "tenancy",
    "fingerprint",
    "key_file",
    "region",
    "security_token_file",
    "delegation_token_file",
    "compartment_id",
)


@pytest.mark.parametrize("form", PASTED)
def test_a_secret_pasted_in_place_of_a_path_is_not_quoted(
    machine: Machine, key: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """In each variable, field and argument: in errors, logs, reprs, what `check` prints and its JSON."""
    machine.secrets.key("the key", key.private)
    token = machine.oci.issue_token(key.private.public_key())
    machine.secrets.token("the token", token)
    pasted = PASTED[form](key.pem(), token)
    config = machine.oci.write_config(tmp_path)
    text = config.read_text()

    def look(auth: str | None = None, **options: Any) -> None:
        with machine.failure():
            machine.look(OCISigner(auth=auth, **options))
        report = check(auth=auth, endpoint="http://127.0.0.1:9", compartment_id=pasted, **options)
        machine.shown.append((f"check of {auth} {list(options)}", json.dumps(report.as_dict())))

    base = {"VERSION": "2.1.2", "RPST": "x", "PRIVATE_PEM": key.pem(), "RPT_ENDPOINT": "x", "RPST_ENDPOINT": "x"}
    modes = {
        "OCI_KUBERNETES": ("oke_workload_identity", {"KUBERNETES_SERVICE_HOST": "127.0.0.1"}),
        "KUBERNETES": ("oke_workload_identity", {}),
        PREFIX: ("resource_principal", {f"{PREFIX}{name}": value for name, value in base.items()}),
        "OCI_METADATA": ("instance_principal", {}),
        "OCI_CLI_FEDERATION": ("instance_principal", {}),
        "OCI_CLI_DELEGATION": ("instance_obo_user", {}),
        "OCI_CLI_SECURITY": ("security_token", {}),
    }
    for variable in VARIABLES:
        mode, others = next((value for start, value in modes.items() if variable.startswith(start)), (None, {}))
        with monkeypatch.context() as patched:
            for name, value in {**others, variable: pasted}.items():
                patched.setenv(name, value)
            look(mode, **({} if mode or "CONFIG" in variable or "PROFILE" in variable else {"config_file": config}))
    for name in FIELDS:
        escaped = pasted.replace("\n", "\n  ")
        lines = [line for line in text.splitlines() if not line.startswith(f"{name} =")]
        config.write_text("\n".join([*lines, f"{name} = {escaped}"]) + "\n")
        look(config_file=config)
    config.write_text(text)
    for options in ({"auth": pasted}, {"profile": pasted}, {"config_file": pasted}, {"region": pasted}):
        report = check(**{"config_file": config, **options})  # type: ignore[arg-type]
        machine.shown.append((f"check with {list(options)}", json.dumps(report.as_dict())))
    identity = {"tenancy": TENANCY, "user": USER, "fingerprint": key.fingerprint}
    for attempt in (
        lambda: APIKey(**identity, key_file=pasted),
        lambda: SecurityToken(token_file=pasted, key_file=pasted),
        lambda: OKEWorkloadIdentity(host=pasted, token_file=pasted, ca_file=pasted),
        lambda: InstancePrincipal(
            metadata_url=pasted, federation_endpoint=pasted, _service=AuthService(sleep=lambda _: None)
        ).fetch(),
        lambda: default_credentials(pasted),
        lambda: default_credentials(None, pasted),
        lambda: default_credentials(None, None, pasted),
    ):
        with machine.failure():
            attempt()
    assert machine.errors >= 20
