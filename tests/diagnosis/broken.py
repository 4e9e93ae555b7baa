"""Set-ups that are broken on the stand-in, and the first finding that `check` has to have for each."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from oci_httpx_auth import OKEWorkloadIdentity, SecurityToken
from oci_httpx_auth._auth_service.service import AuthService
from oci_httpx_auth.diagnosis import Report, check

from ..conftest import Key
from ..standin import FakeOCI, Fault


@dataclass
class Broken:
    """What a set-up is built on, and what `check` is called with."""

    oci: FakeOCI
    directory: Path
    environment: pytest.MonkeyPatch
    key: Key
    other_key: Key

    def __post_init__(self) -> None:
        self.options: dict[str, Any] = {"endpoint": self.oci.url, "base_url": self.oci.openai_url}

    def config(self, **options: Any) -> Path:
        self.options["config_file"] = path = self.oci.write_config(self.directory, **options)
        return path

    def edit(self, path: Path, field: str, value: str) -> None:
        lines = path.read_text().splitlines()
        assert any(line.startswith(f"{field} =") for line in lines)
        path.write_text("\n".join(f"{field} = {value}" if line.startswith(f"{field} =") else line for line in lines))

    def key_file(self, path: Path) -> Path:
        return Path(self.field(path, "key_file"))

    def field(self, path: Path, name: str) -> str:
        return next(line.partition(" = ")[2] for line in path.read_text().splitlines() if line.startswith(f"{name} = "))

    def delete_key(self, path: Path) -> None:
        """Have the profile name a key that OCI knows no more."""
        key = self.oci.add_api_key()
        self.key_file(path).write_bytes(key.private_key_pem())
        self.edit(path, "fingerprint", key.fingerprint)
        self.oci.remove_api_key(key)

    def inference_answers(self, fault: Callable[[str], Fault | None]) -> None:
        """Have Generative AI answer by the compartment that a request names."""

        def choose(service: str, record: Any) -> Fault | None:
            return fault(dict(record.headers).get("opc-compartment-id", "")) if service == "inference" else None

        self.oci.fault_source = choose

    def session(self, clock: Callable[[], float] = time.time, **options: Any) -> None:
        """A session that the stand-in renews."""
        path = self.oci.write_config(self.directory, session=True, **options)
        given = SecurityToken.from_config(
            None, path, auth_endpoint=self.oci.auth_endpoint, _service=AuthService(clock=clock)
        )
        self.options |= {"credentials": given, "clock": clock}

    def instance(self) -> None:
        for name, value in self.oci.environment("instance_principal").items():
            self.environment.setenv(name, value)
        self.environment.setenv("OCI_CLI_FEDERATION_ENDPOINT", self.oci.federation_endpoint)
        self.options["auth"] = "instance_principal"


NOT_ALLOWED = Fault(
    status=404, code="NotAuthorizedOrNotFound", message="Authorization failed or requested resource not found."
)


SetUp = Callable[[Broken], None]


SET_UPS: dict[str, tuple[SetUp, str, str]] = {}


def broken(code: str, says: str) -> Callable[[SetUp], SetUp]:
    """Register a set-up: the finding's code, and words that its cause or remedy has to have."""

    def register(build: SetUp) -> SetUp:
        SET_UPS[build.__name__] = build, code, says
        return build

    return register


# Files.


@broken("invalid-key", "has the fingerprint")
def wrong_fingerprint(b: Broken) -> None:
    b.edit(b.config(), "fingerprint", b.key.fingerprint)


@broken("invalid-key", "passphrase does not open it")
def wrong_passphrase(b: Broken) -> None:
    b.edit(b.config(passphrase="right"), "pass_phrase", "wrong")


@broken("invalid-key", "encrypted and no passphrase was given")
def missing_passphrase(b: Broken) -> None:
    b.edit(b.config(passphrase="right"), "pass_phrase", "")


@broken("invalid-key", "is a public key")
def public_key_instead_of_private(b: Broken) -> None:
    b.key_file(b.config()).write_text(b.key.public_pem())


@broken("invalid-key", "not an RSA key")
def elliptic_curve_key(b: Broken) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    b.key_file(b.config()).write_bytes(pem)


@broken("invalid-key", "is damaged")
def half_a_key(b: Broken) -> None:
    path = b.key_file(b.config())
    path.write_text(path.read_text()[:600])


@broken("config", "does not exist")
def missing_key_file(b: Broken) -> None:
    b.key_file(b.config()).unlink()


@broken("config", "has no user")
def missing_user(b: Broken) -> None:
    b.edit(b.config(), "user", "")


@broken("config", "is not an OCID")
def user_is_a_name(b: Broken) -> None:
    b.edit(b.config(), "user", "alice@example.com")


@broken("profile-not-found", "There is no profile PROD")
def missing_profile(b: Broken) -> None:
    b.config()
    b.options["profile"] = "PROD"


@broken("config", "defined twice")
def profile_defined_twice(b: Broken) -> None:
    path = b.config()
    path.write_text(f"{path.read_text()}\n[A]\nuser=x\n[A]\nuser=y\n")


@broken("config", "is not a region")
def impossible_region(b: Broken) -> None:
    b.edit(b.config(), "region", "US Midwest (Chicago)")


@broken("config", "is not a supported auth mode")
def unknown_mode(b: Broken) -> None:
    b.config()
    b.environment.setenv("OCI_CLI_AUTH", "api-key")


@broken("no-source", "config file")
def no_source_at_all(b: Broken) -> None:
    pass


@broken("region-unknown", "No region is known")
def no_region(b: Broken) -> None:
    path = b.config()
    b.edit(path, "region", "")
    del b.options["endpoint"], b.options["base_url"]


# Identities.


@broken("key-unknown", "OCI has no API key")
def key_deleted(b: Broken) -> None:
    b.delete_key(b.config())


@broken("key-of-another-user", "belongs to user ocid1.user.oc1..aaaatheotheruser")
def key_of_another_user(b: Broken) -> None:
    path = b.config()
    key_file = b.key_file(path)
    b.edit(path, "user", "ocid1.user.oc1..aaaanotmykey")
    path.write_text(
        f"{path.read_text()}\n[BOB]\nuser=ocid1.user.oc1..aaaatheotheruser\ntenancy={b.oci.tenancy}\n"
        f"fingerprint={b.field(path, 'fingerprint')}\nkey_file={key_file}\nregion=us-chicago-1\n"
    )


@broken("stale-inheritance", "fingerprint inherited from DEFAULT")
def inherits_a_stale_fingerprint(b: Broken) -> None:
    path = b.config()
    new = b.oci.add_api_key()
    key_file = b.directory / "new.pem"
    key_file.write_bytes(new.private_key_pem())
    path.write_text(f"{path.read_text()}\n[NEW]\nuser={new.user}\nkey_file={key_file}\n")
    b.options["profile"] = "NEW"


@broken("stale-inheritance", "tenancy inherited from DEFAULT")
def inherits_a_stale_tenancy(b: Broken) -> None:
    path = b.config()
    new = b.oci.add_api_key()
    key_file = b.directory / "new.pem"
    key_file.write_bytes(new.private_key_pem())
    b.edit(path, "tenancy", "ocid1.tenancy.oc1..aaaatheformerone")
    path.write_text(f"{path.read_text()}\n[NEW]\nuser={new.user}\nfingerprint={new.fingerprint}\nkey_file={key_file}\n")
    b.options["profile"] = "NEW"


@broken("key-unknown", "OCI has no API key")
def key_of_a_profile_of_its_own_deleted(b: Broken) -> None:
    b.options["profile"] = "WORK"
    b.delete_key(b.config(profile="WORK"))


@broken("key-unknown", "OCI has no API key")
def key_in_the_environment_deleted(b: Broken) -> None:
    key = b.oci.add_api_key()
    for name, value in {
        "USER": key.user,
        "TENANCY": b.oci.tenancy,
        "FINGERPRINT": key.fingerprint,
        "KEY_CONTENT": key.private_key_pem().decode(),
        "REGION": b.oci.region,
    }.items():
        b.environment.setenv(f"OCI_CLI_{name}", value)
    b.oci.remove_api_key(key)


@broken("session-expired", "oci session authenticate --profile-name DEFAULT")
def expired_session_token(b: Broken) -> None:
    b.session(lifetime=-3600)


@broken("invalid-token", "different sessions")
def token_and_key_not_a_pair(b: Broken) -> None:
    b.key_file(b.config(session=True)).write_text(b.other_key.pem())


@broken("invalid-token", "is not a security token")
def token_file_is_a_key(b: Broken) -> None:
    path = b.config(session=True)
    Path(b.field(path, "security_token_file")).write_text(b.key.public_pem())


@broken("session-refused", "the session was ended")
def session_ended(b: Broken) -> None:
    b.session()
    b.oci.revoke_tokens()


# Principals.


@broken("not-an-instance", "This is not an OCI instance")
def metadata_unreachable(b: Broken) -> None:
    b.options["auth"] = "instance_principal"


@broken("not-an-instance", "This is not an OCI instance")
def stale_mode_in_the_environment(b: Broken) -> None:
    b.config()
    b.environment.setenv("OCI_CLI_AUTH", "instance_principal")


@broken("no-policy", "no dynamic group")
def dynamic_group_missing(b: Broken) -> None:
    b.instance()
    b.options["compartment_id"] = b.oci.compartment
    b.inference_answers(lambda compartment: NOT_ALLOWED)


@broken("auth-service-refused", "The instance's certificate was refused")
def federation_refuses(b: Broken) -> None:
    b.instance()
    b.oci.fail("federation", *[Fault(status=401, code="NotAuthenticated")] * 5)


@broken("certificate-expired", "certificate expired")
def certificate_expired(b: Broken) -> None:
    b.instance()
    b.oci.rotate_instance_certificate(lifetime=-86400.0)


@broken("config", "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM")
def resource_principal_without_its_key(b: Broken) -> None:
    for name, value in b.oci.environment("resource_principal").items():
        if not name.endswith("PRIVATE_PEM"):
            b.environment.setenv(name, value)


@broken("credential-expired", "has expired")
def resource_principal_token_expired(b: Broken) -> None:
    for name, value in b.oci.environment("resource_principal", lifetime=-3600).items():
        b.environment.setenv(name, value)


@broken("no-credentials", "enhanced")
def basic_cluster(b: Broken) -> None:
    b.oci.enhanced_cluster = False
    for name, value in b.oci.environment("oke_workload_identity", directory=b.directory).items():
        b.environment.setenv(name, value)
    b.options["credentials"] = OKEWorkloadIdentity(port=b.oci.tls_port)


@broken("config", "service account")
def pod_without_a_service_account_token(b: Broken) -> None:
    for name, value in b.oci.environment("oke_workload_identity", directory=b.directory).items():
        b.environment.setenv(name, value)
    for name in b.directory.iterdir():
        if "token" in name.name:
            name.unlink()
    b.options["auth"] = "oke_workload_identity"


# The clock.


@broken("clock-off", "2 h ahead of the server's")
def clock_ahead(b: Broken) -> None:
    b.config()
    b.options["clock"] = lambda: time.time() + 7200


@broken("clock-off", "10 min behind the server's")
def clock_behind_with_a_session(b: Broken) -> None:
    b.session(lambda: time.time() - 600)


@broken("clock-off", "2 h ahead of the server's")
def clock_ahead_with_a_session(b: Broken) -> None:
    b.session(lambda: time.time() + 7200)


@broken("clock-off", "no date to correct it by")
def clock_that_is_refused_without_a_date(b: Broken) -> None:
    b.config()
    b.options["endpoint"] = _page(401, b"too much clock skew", dated=False)


# The way there.


@broken("region-unknown", "The region us-chigaco-1 is unknown")
def misspelt_region(b: Broken) -> None:
    b.edit(b.config(), "region", "us-chigaco-1")
    del b.options["endpoint"], b.options["base_url"]
    b.environment.setattr(socket, "getaddrinfo", _no_such_name)


@broken("name-not-found", "cannot be resolved")
def no_dns(b: Broken) -> None:
    b.config()
    del b.options["endpoint"], b.options["base_url"]
    b.environment.setattr(socket, "getaddrinfo", _no_such_name)


def _no_such_name(*arguments: Any, **options: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@broken("certificate-not-trusted", "a proxy is inspecting TLS")
def tls_inspected(b: Broken) -> None:
    b.config()
    b.options["endpoint"] = b.oci.tls_url


@broken("proxy", "did not come from OCI")
def login_page_in_the_way(b: Broken) -> None:
    b.config()
    b.environment.setenv("HTTP_PROXY", _page(200))


@broken("proxy", "did not come from OCI")
def proxy_refuses(b: Broken) -> None:
    b.config()
    b.environment.setenv("HTTP_PROXY", _page(407))


@broken("proxy", "which refuses connections")
def proxy_is_down(b: Broken) -> None:
    b.config()
    b.environment.setenv("HTTP_PROXY", "http://user:hunter2@127.0.0.1:9")


@broken("not-signed", "signatures travel over https only")
def plain_http(b: Broken) -> None:
    b.config()
    b.options["endpoint"] = "http://identity.us-chicago-1.oci.oraclecloud.com"


@broken("service-down", "answered 503")
def identity_is_down(b: Broken) -> None:
    b.config()
    b.oci.fail("identity", Fault(status=503))


@broken("not-a-url", "is not a URL")
def endpoint_is_no_url(b: Broken) -> None:
    b.config()
    b.options["endpoint"] = "https://127.0.0.1:port"


@broken("not-a-url", "Use https")
def endpoint_without_a_scheme(b: Broken) -> None:
    b.config()
    b.options["endpoint"] = "identity.us-chicago-1.oci.oraclecloud.com"


@broken("not-a-region", "is not a region")
def region_argument_is_none(b: Broken) -> None:
    b.config()
    b.options["region"] = "Chicago, IL"
    del b.options["endpoint"], b.options["base_url"]


@broken("not-a-region", "OCI_DEFAULT_REALM is 'evil.example/', which is not a domain")
def default_realm_is_no_domain(b: Broken) -> None:
    b.config()
    b.environment.setenv("OCI_DEFAULT_REALM", "evil.example/")
    b.options["region"] = "xx-new-1"
    del b.options["endpoint"], b.options["base_url"]


# Generative AI.


@broken("no-policy", "may not use Generative AI")
def no_policy_for_a_project(b: Broken) -> None:
    b.config()
    b.options["project_id"] = "ocid1.generativeaiproject.oc1.us-chicago-1.aaaa"
    b.inference_answers(lambda compartment: Fault(status=403, code="NotAuthorized", message="No."))


@broken("service-down", "Generative AI answered 500")
def generative_ai_is_down(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = b.oci.compartment
    b.inference_answers(lambda compartment: Fault(status=500))


@broken("proxy", "did not come from OCI")
def base_url_of_something_else(b: Broken) -> None:
    b.config()
    b.options |= {"compartment_id": b.oci.compartment, "base_url": _page(404)}


@broken("wrong-compartment", "the root compartment is")
def wrong_compartment(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = "ocid1.compartment.oc1..aaaaonethatisgone"
    b.inference_answers(lambda compartment: None if compartment == b.oci.tenancy else NOT_ALLOWED)


@broken("no-policy", "may not use Generative AI")
def no_policy_for_the_user(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = b.oci.compartment
    b.inference_answers(lambda compartment: NOT_ALLOWED)


@broken("not-a-compartment", "is not the OCID of a compartment")
def project_given_as_compartment(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = "ocid1.generativeaiproject.oc1.us-chicago-1.aaaa"


@broken("not-subscribed", "not subscribed to the region")
def region_not_subscribed(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = b.oci.compartment
    b.inference_answers(lambda compartment: Fault(status=401, code="NotAuthenticated"))


@broken("model-unknown", "Unknown model")
def model_is_not_there(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = b.oci.compartment
    b.inference_answers(lambda compartment: Fault(status=400, code="InvalidParameter", message="Unknown model"))


@broken("throttled", "throttling")
def throttled(b: Broken) -> None:
    b.config()
    b.options["compartment_id"] = b.oci.compartment
    b.inference_answers(lambda compartment: Fault(status=429, code="TooManyRequests"))


def _page(status: int, body: bytes = b"hello", *, dated: bool = True) -> str:
    """A server, up to the end of the tests, that answers everything with a page of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response_only(status)
            if dated:
                self.send_header("date", self.date_time_string())
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    SERVERS.append(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


SERVERS: list[ThreadingHTTPServer] = []


def first_finding(setting: Broken, name: str) -> tuple[Report, str, str]:
    build, code, says = SET_UPS[name]
    build(setting)
    return check(**setting.options), code, says
