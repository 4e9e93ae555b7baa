"""The identity that is found is the OCI CLI's: its own resolution runs beside ours, over generated machines."""

from __future__ import annotations

import base64
import configparser
import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from oci_httpx_auth import (
    APIKey,
    ConfigError,
    DelegationToken,
    InstancePrincipal,
    OCIAuthError,
    OCISigner,
    SecurityToken,
)
from oci_httpx_auth._auth_service.regions import region_id
from oci_httpx_auth.credentials._config import Rank
from oci_httpx_auth.credentials._default import default_credentials
from oci_httpx_auth.credentials._settings import resolve

from ...conftest import Key
from ...interceptor import Interceptor
from ...standin import FakeOCI

pytestmark = pytest.mark.skipif(importlib.util.find_spec("oci_cli") is None, reason="needs the package oci-cli")

FIELDS = ("user", "tenancy", "fingerprint", "key_file", "key_content", "pass_phrase", "security_token_file")
CLASSES = {
    "api_key": APIKey,
    "security_token": SecurityToken,
    "instance_obo_user": DelegationToken,
    "instance_principal": InstancePrincipal,
}


@dataclass
class Place:
    """A home directory, and the values that files and variables can have in it."""

    home: Path
    values: dict[str, list[str]] = field(repr=False)

    def write(self, name: str, sections: dict[str, dict[str, str]] | None) -> None:
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        if sections is not None:
            lines = [
                line
                for title, keys in sections.items()
                for line in [f"[{title}]", *map("{0[0]} = {0[1]}".format, keys.items())]
            ]
            path.write_text("\n".join(lines) + "\n")


@dataclass
class Case:
    """One machine: its files, the environment, and what the command line or our arguments say."""

    files: dict[str, dict[str, dict[str, str]] | None] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    auth: str | None = None
    profile: str | None = None

    @property
    def options(self) -> list[str]:
        pairs = {"--auth": self.auth, "--profile": self.profile}
        return [word for option, value in pairs.items() if value for word in (option, value)]


class CLI:
    """The real CLI, in a process of its own."""

    def __init__(self) -> None:
        program = str(Path(__file__).with_name("cli_worker.py"))
        self._process = subprocess.Popen(
            [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def find(self, place: Place, case: Case) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        quiet = {"SUPPRESS_LABEL_WARNING": "true", "OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING": "True"}
        environment = {"HOME": str(place.home), **quiet, **case.environment}
        self._process.stdin.write(json.dumps({"environment": environment, "options": case.options}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=20)


@pytest.fixture(scope="module")
def cli() -> Iterator[CLI]:
    running = CLI()
    yield running
    running.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, key: Key, other_key: Key) -> Place:
    home = tmp_path_factory.mktemp("home")
    files = {"one.pem": key.pem(), "two.pem": other_key.pem(), "token": token(key), "delegation": "a-delegation-token"}
    for name, text in files.items():
        (home / name).write_text(text)
    return Place(
        home,
        {
            "user": [f"ocid1.user.oc1..{name}" for name in ("ann", "bob", "cid")],
            "tenancy": [f"ocid1.tenancy.oc1..{name}" for name in ("red", "blue")],
            "fingerprint": [key.fingerprint, other_key.fingerprint],
            "key_file": [str(home / "one.pem"), str(home / "two.pem"), "~/one.pem"],
            "key_content": [key.pem().strip(), other_key.pem().strip()],
            "pass_phrase": ["not needed"],
            "region": ["us-chicago-1", "ORD", "eu-frankfurt-1", "xx-newest-1"],
            "security_token_file": [str(home / "token"), "~/token"],
            "delegation_token_file": [str(home / "delegation")],
        },
    )


def token(key: Key) -> str:
    """An unsigned session token without an end; the CLI looks at its expiry alone."""
    parts = ({"alg": "none"}, {"exp": 4_000_000_000, "iat": 1_700_000_000})
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "c2ln"]
    )


VARIABLES = {
    "user": "OCI_CLI_USER",
    "tenancy": "OCI_CLI_TENANCY",
    "fingerprint": "OCI_CLI_FINGERPRINT",
    "key_file": "OCI_CLI_KEY_FILE",
    "key_content": "OCI_CLI_KEY_CONTENT",
    "pass_phrase": "OCI_CLI_PASSPHRASE",
    "region": "OCI_CLI_REGION",
    "security_token_file": "OCI_CLI_SECURITY_TOKEN_FILE",
    "delegation_token_file": "OCI_CLI_DELEGATION_TOKEN_FILE",
}
IN_FILES = tuple(name for name in VARIABLES if name != "key_content")


@st.composite
def cases(draw: st.DrawFn, place: Place) -> Case:
    """Machines as people have them: mostly complete somewhere, with bits and pieces elsewhere."""

    def some(names: tuple[str, ...], likely: bool) -> dict[str, str]:
        chance = st.sampled_from(range(16 if likely else 4))
        chosen = [name for name in names if (draw(chance) > 0) == likely]
        return {name: draw(st.sampled_from(place.values[name])) for name in chosen}

    def config() -> dict[str, dict[str, str]]:
        sections = {}
        if draw(st.integers(0, 9)):
            sections["DEFAULT"] = some(IN_FILES, draw(st.sampled_from([True, True, True, False])))
        if draw(st.booleans()):
            sections["WORK"] = some(IN_FILES, draw(st.booleans()))
        return sections

    def rc() -> dict[str, dict[str, str]]:
        sections: dict[str, dict[str, str]] = {}
        if draw(st.booleans()):
            sections["OCI_CLI_SETTINGS"] = {"default_profile": draw(st.sampled_from(["DEFAULT", "WORK", "NONE"]))}
        for title in ("DEFAULT", "WORK"):
            options = {"region": st.sampled_from(place.values["region"]), "auth": st.sampled_from(list(CLASSES))}
            sections[title] = {name: draw(value) for name, value in options.items() if not draw(st.integers(0, 3))}
        return sections

    rarely = st.sampled_from([False, False, False, True])
    seldom = st.sampled_from([False] * 9 + [True])
    files: dict[str, Any] = {
        ".oci/config": None if draw(seldom) else config(),
        "other/config": None if draw(rarely) else config(),
        ".oraclebmc/config": config() if draw(seldom) else None,
        ".oci/oci_cli_rc": rc() if draw(rarely) else None,
        ".oci/cli-defaults": rc() if draw(seldom) else None,
        "other/rc": rc() if draw(rarely) else None,
    }
    filled = draw(st.sampled_from([(), (), tuple(VARIABLES)]))
    variables = some(filled, draw(rarely))
    environment = {VARIABLES[name]: value for name, value in variables.items()}
    others = {
        "OCI_REGION": place.values["region"],
        "OCI_CLI_PROFILE": ["DEFAULT", "DEFAULT", "WORK", "NONE"],
        "OCI_CLI_CONFIG_FILE": [str(place.home / "other/config"), "~/other/config"],
        "OCI_CONFIG_FILE": [str(place.home / "other/config")],
        "OCI_CLI_RC_FILE": [str(place.home / "other/rc")],
        "OCI_CLI_AUTH": list(CLASSES),
    }
    for name, choices in others.items():
        if draw(rarely):
            environment[name] = draw(st.sampled_from(choices))
    return Case(
        files,
        environment,
        auth=draw(st.sampled_from(list(CLASSES))) if draw(rarely) else None,
        profile=draw(st.sampled_from(["DEFAULT", "DEFAULT", "WORK", "NONE"])) if draw(rarely) else None,
    )


def put(place: Place, case: Case) -> dict[str, str]:
    """Write the case's files; returns the environment."""
    for name, sections in case.files.items():
        place.write(name, sections)
    return {"HOME": str(place.home), **case.environment}


def compare(place: Place, case: Case, cli: CLI) -> str:
    """Assert that we find what the CLI finds; returns what that was, for statistics."""
    environment = put(place, case)
    theirs = cli.find(place, case)
    with mock.patch.dict(os.environ, environment, clear=True):
        provider: Any = None
        error: OCIAuthError | None = None
        try:
            resolved = resolve(case.auth, case.profile)
            provider = default_credentials(case.auth, case.profile)
        except ConfigError as raised:
            error = raised
        if "error" in theirs:
            if error is None:
                difference = kinder(resolved, provider)
                assert difference in DIFFERENCES, theirs["error"]
                return difference
            return "neither"
        found = theirs["found"]
        mode = found["mode"]
        assert (resolved.auth.value if resolved.auth else "api_key") == mode
        by_principal = mode.startswith("instance")
        for name in () if by_principal else FIELDS:
            assert resolved.get(name) == (found[name] or None), name
        region = resolved.fields.get("region")
        # The CLI reads OCI_REGION for API keys alone; for all else we would have no region.
        if mode == "api_key" or region is None or region.rank is not Rank.OTHER:
            assert (region_id(region.value) if region else None) == found["region"]
        if mode == "instance_obo_user":
            text = Path(os.path.expanduser(resolved.get("delegation_token_file") or "")).read_text()
            assert found["delegation_token"] == text
        if error is not None:
            # The CLI signs with a key that is another than the fingerprint says, and is refused by OCI.
            assert "has the fingerprint" in str(error), error
            return f"{mode}, of a wrong key"
        if resolved.auth is not None or not {"security_token_file", "delegation_token_file"} & resolved.fields.keys():
            assert type(provider) is CLASSES[mode]
        if type(provider) is APIKey and mode == "api_key":
            assert (provider.user, provider.tenancy, provider.fingerprint) == tuple(found[name] for name in FIELDS[:3])
            assert provider.region == found["region"]
        return mode


DIFFERENCES = {
    "no file": "The CLI wants a config file unless a whole API key is in variables; we take any identity that is complete.",
    "implied": "The CLI takes an API key unless --auth says otherwise; we see from the fields what they are for.",
    "key file": "The CLI refuses a profile whose key_file is missing, also where a variable names another key.",
    "no region": "The CLI wants a region of every API key; we need one for an endpoint, and not to sign.",
}


def kinder(resolved: Any, provider: Any) -> str | None:
    """Which of the differences it is, where the CLI gives up and we do not."""
    if resolved.profile is None and resolved.problem is None:
        return "no file"
    if resolved.auth is None and not isinstance(provider, APIKey):
        return "implied"
    if "region" not in resolved.fields:
        return "no region"
    key_file = resolved.profile.get("key_file") if resolved.profile else None
    return "key file" if key_file and not os.path.isfile(os.path.expanduser(key_file)) else None


COUNTS: Counter[str] = Counter()
PHASES = [phase for phase in Phase if phase is not Phase.explain]


@settings(max_examples=500, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_identity_is_the_clis(data: st.DataObject, place: Place, cli: CLI) -> None:
    """User, tenancy, fingerprint, key, passphrase, token files and region, over generated files and variables."""
    outcome = compare(place, data.draw(cases(place)), cli)
    event(outcome)
    COUNTS[outcome] += 1


def test_the_comparison_compared_something() -> None:
    """Most machines have an identity, in each of the modes."""
    if sum(COUNTS.values()) < 300:
        pytest.skip("the comparison did not run")
    assert all(COUNTS[mode] + COUNTS[f"{mode}, of a wrong key"] >= 3 for mode in CLASSES), COUNTS


@pytest.mark.parametrize("mode", ["api_key", "security_token", "instance_principal", "instance_obo_user"])
def test_the_clis_requests_and_ours_have_one_principal(
    oci: FakeOCI, mode: str, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real command, sent to the stand-in from the environment that a program of ours runs in."""
    home = clean_environment / ".oci"
    oci.write_config(home, session=mode == "security_token")
    if mode.startswith("instance"):
        (home / "delegation").write_text(oci.delegation_token())
        variables = {
            **oci.environment("instance_principal"),
            VARIABLES["delegation_token_file"]: str(home / "delegation"),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("OCI_CLI_AUTH", mode)
    monkeypatch.setenv("SUPPRESS_LABEL_WARNING", "true")
    command = [
        sys.executable,
        "-m",
        "oci_cli.cli",
        "raw-request",
        "--http-method",
        "GET",
        "--target-uri",
        f"{oci.url}/x",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = oci.records[-1]
    with httpx.Client(auth=OCISigner()) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    ours = oci.records[-1]
    assert (theirs.mode, theirs.principal) == (ours.mode, ours.principal) == (mode, ours.principal)


def test_the_cli_renews_a_session_and_our_signer_uses_it(
    oci: FakeOCI, clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`oci session refresh` at the auth endpoint of the profile's region; a session that has been revoked is refused."""
    home = clean_environment / ".oci"
    path = oci.write_config(home, session=True)
    token_file = Path(configured(path)["security_token_file"])
    before = token_file.read_text()
    with Interceptor(oci, clean_environment) as interceptor:
        for name, value in interceptor.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", interceptor.environment["SSL_CERT_FILE"])
        command = [sys.executable, "-m", "oci_cli.cli", "session", "refresh"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (oci.records[-1].service, oci.records[-1].status) == ("session_refresh", 200)
        assert token_file.read_text() != before
        oci.revoke_tokens()
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "no longer valid" in refused.stderr
    assert interceptor.hosts == [f"auth.{oci.region}.oraclecloud.com"] * 2


def configured(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(path)
    return dict(parser["DEFAULT"])
