"""What the `oci` SDK sends to obtain a token, and what we send: field by field, in every mode and version."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

sdk = pytest.importorskip("oci")

from oci._vendor import requests  # noqa: E402
from oci.auth import rpt_path_providers, signers  # noqa: E402
from oci.auth.signers import resource_principals_federation_signer  # noqa: E402

from oci_httpx_auth import (  # noqa: E402
    APIKey,
    CredentialProvider,
    InstancePrincipal,
    OCISigner,
    OKEWorkloadIdentity,
    ResourcePrincipal,
    SecurityToken,
)

from ...standin import FakeOCI, Record  # noqa: E402

# The SDK leaves the connections of its sessions to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

# Where we differ from the SDK on purpose. Everything else has to be the same.
DIFFERENCES = {
    "federation fingerprint": "SHA-256 with `fingerprintAlgorithm`, as the Go and Java SDKs have it; the Python SDK's is SHA-1",
    "accept": "we say that we want JSON; the SDK says */*",
    "connection, accept-encoding, user-agent": "each HTTP library's own",
    "metadata order": "the SDK reads the certificates before the region; we need the region first, for its error is clearer",
    "content-type of GET": "the SDK names a type although there is no body, unsigned; we leave it out",
    "repetitions": "the SDK makes some exchanges twice while it starts; we make each once",
    "instance id": "read from the environment by both; the SDK asks the metadata service too and drops the answer",
}


@dataclass(frozen=True)
class Sent:
    """What of a request matters: all that a service could look at, without what differs from call to call."""

    service: str
    method: str
    path: str
    signed_headers: tuple[str, ...]
    key_id: str
    content_type: str | None
    body: tuple[tuple[str, str], ...]
    other: tuple[tuple[str, str], ...] = field(default=())
    accepted: bool = True


def sent(record: Record) -> Sent:
    body: dict[str, Any] = {}
    if record.service not in ("metadata", "echo") and record.body:
        body = json.loads(record.body)
    body.pop("fingerprintAlgorithm", None)
    others = ("security-context", "opc-obo-token")
    return Sent(
        service=record.service,
        method=record.method,
        path=record.target,
        signed_headers=record.signed_headers,
        key_id=shape_of_key_id(record.key_id),
        content_type=record.header("content-type") if record.method == "POST" else None,
        body=tuple(sorted((name, shape(value)) for name, value in body.items())),
        other=tuple((name, value) for name in others if (value := record.header(name)) is not None),
        accepted=record.status == 200 and not record.reason,
    )


def shape(value: Any) -> str:
    """A value's form: fresh keys and tokens differ from call to call."""
    if isinstance(value, list):
        return f"[{', '.join(shape(item) for item in value)}]"
    if value.count(".") == 2 and value.startswith("eyJ"):
        return "token"
    if value.startswith("MII"):
        assert "\n" not in value
        return "base64 of DER"
    return str(value)


def shape_of_key_id(key_id: str) -> str:
    if key_id.startswith("ST$"):
        return "ST$token"
    for form in ("fed-x509-sha256", "fed-x509"):
        before, found, _ = key_id.partition(f"/{form}/")
        if found:
            return f"{before}/fed-x509/fingerprint"
    return key_id


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


class Both:
    """Runs the SDK's signer and ours against one stand-in, and keeps what each of them sent."""

    def __init__(self, oci: FakeOCI, session: requests.Session) -> None:
        self.oci, self.session = oci, session

    def compare(self, theirs: Callable[[], Any], ours: Callable[[], CredentialProvider]) -> list[Sent]:
        self.oci.records.clear()
        url, body = f"{self.oci.url}/things", b'{"name": "x"}'
        signer = theirs()
        answer = self.session.post(url, data=body, headers={"content-type": "application/json"}, auth=signer)
        assert answer.status_code == 200, self.oci.records[-1].reason
        their_records = list(self.oci.records)
        self.oci.records.clear()
        with httpx.Client(auth=OCISigner(ours())) as client:
            response = client.post(url, content=body, headers={"content-type": "application/json"})
        assert response.status_code == 200, self.oci.records[-1].reason
        our_records = list(self.oci.records)
        expected = self.exchanges(their_records)
        assert self.exchanges(our_records) == expected
        assert all(exchange.accepted for exchange in expected)
        return expected

    @staticmethod
    def exchanges(records: list[Record]) -> list[Sent]:
        """Metadata first, in one order, whatever order it was asked in; then the rest as it came; the same thing once."""
        metadata = {record.target: sent(record) for record in records if record.service == "metadata"}
        metadata.pop("/opc/v2/instance/id", None)
        rest = [sent(record) for record in records if record.service != "metadata"]
        return list(dict.fromkeys([metadata[path] for path in sorted(metadata)] + rest))


@pytest.fixture
def both(oci: FakeOCI, session: requests.Session) -> Both:
    return Both(oci, session)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_api_key(both: Both, tmp_path: Path) -> None:
    """The profile that both read."""
    config = both.oci.write_config(tmp_path)
    (call,) = both.compare(
        lambda: sdk.signer.Signer.from_config(sdk.config.from_file(str(config))),
        lambda: APIKey.from_config(config_file=config),
    )
    assert call.key_id.count("/") == 2


def test_session_token(both: Both, tmp_path: Path) -> None:
    """The SDK is handed token and key; it has nothing that renews them."""
    config = both.oci.write_config(tmp_path, session=True)
    values = sdk.config.from_file(str(config))

    def theirs() -> Any:
        token = Path(values["security_token_file"]).read_text().strip()
        return signers.SecurityTokenSigner(token, sdk.signer.load_private_key_from_file(values["key_file"]))

    (call,) = both.compare(theirs, lambda: SecurityToken.from_config(config_file=config))
    assert call.key_id == "ST$token"


def test_instance_principal(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four metadata requests, and the federation request without `host` among the signed headers."""
    set_all(monkeypatch, both.oci.environment("instance_principal"))
    exchanges = both.compare(
        lambda: signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=both.oci.federation_endpoint),
        lambda: InstancePrincipal(federation_endpoint=both.oci.federation_endpoint),
    )
    assert [exchange.service for exchange in exchanges] == ["metadata"] * 4 + ["federation", "echo"]
    assert "host" not in exchanges[4].signed_headers
    assert dict(exchanges[4].body) == {
        "certificate": "base64 of DER",
        "publicKey": "base64 of DER",
        "intermediateCertificates": "[base64 of DER]",
    }


def test_resource_principal_2_2(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the call itself."""
    set_all(monkeypatch, both.oci.environment("resource_principal", version="2.2"))
    exchanges = both.compare(signers.get_resource_principals_signer, ResourcePrincipal)
    assert [exchange.service for exchange in exchanges] == ["echo"]


@pytest.mark.parametrize("version", ["2.1", "2.1.1", "2.1.2"])
def test_resource_principal_with_a_key_pair(both: Both, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Two exchanges signed with the injected key pair, whose key id names the version."""
    set_all(monkeypatch, both.oci.environment("resource_principal", version=version))
    exchanges = both.compare(signers.get_resource_principals_signer, ResourcePrincipal)
    assert [exchange.service for exchange in exchanges] == ["rpt", "rpst", "echo"]
    assert exchanges[0].key_id.startswith(f"resource/v{version}/")
    assert bool(exchanges[0].other) is (version == "2.1.2")


def test_resource_principal_1_1(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance's own exchange, then two that its token signs."""
    variables = both.oci.environment("resource_principal", version="1.1")
    set_all(monkeypatch, variables)
    monkeypatch.setenv("OCI_CLI_FEDERATION_ENDPOINT", both.oci.federation_endpoint)
    # The SDK makes the instance principal inside by itself and offers no way to tell it the endpoint; and its own
    # path provider asks the real metadata address, whatever the environment says.
    own = resource_principals_federation_signer.InstancePrincipalsSecurityTokenSigner

    def with_endpoint(**options: Any) -> Any:
        return own(federation_endpoint=both.oci.federation_endpoint, **options)

    monkeypatch.setattr(resource_principals_federation_signer, "InstancePrincipalsSecurityTokenSigner", with_endpoint)
    path = f"/20180711/resourcePrincipalToken/{variables['OCI_RESOURCE_PRINCIPAL_RPT_ID']}"
    provider = rpt_path_providers.StringRptPathProvider(path)

    exchanges = both.compare(lambda: signers.get_resource_principals_signer(provider), ResourcePrincipal)
    assert [exchange.service for exchange in exchanges][4:] == ["federation", "rpt", "rpst", "echo"]


@pytest.mark.parametrize("leaf", ["2.2"])
@pytest.mark.parametrize("depth", [1, 2])
def test_resource_principal_3_0(both: Both, monkeypatch: pytest.MonkeyPatch, leaf: str, depth: int) -> None:
    """From the leaf up. The SDK fails with 2.1.x leaves, and goes two levels up and no further."""
    # Since some release the SDK refuses any endpoint that has a path, and takes the complete URL of the parent's token
    # for an endpoint.
    monkeypatch.setattr(sdk.BaseClient, "_validate_endpoint_host_components", lambda *_: None, raising=False)
    set_all(monkeypatch, both.oci.environment("resource_principal", version="3.0", leaf=leaf, depth=depth))
    exchanges = both.compare(signers.get_resource_principals_signer, ResourcePrincipal)
    assert {exchange.service for exchange in exchanges} == {"rpt", "rpst", "echo"}
    levels = [exchange.path[-3:] for exchange in exchanges if exchange.service == "rpt"]
    assert levels == [f"{level}/{depth}" for level in range(1, depth + 1)]


def test_workload_identity(both: Both, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One request to the proxy, with the service account's token and without a signature."""
    variables = both.oci.environment("oke_workload_identity", directory=tmp_path)
    set_all(monkeypatch, variables)

    def theirs() -> Any:
        # The SDK's function for this reads the same variables, but knows no port than 12250.
        module = signers.oke_workload_identity_resource_principal_signer
        provider = rpt_path_providers.DefaultServiceAccountTokenProvider()
        provider.override_sa_token_path(variables["OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH"])
        return module.OkeWorkloadIdentityResourcePrincipalSigner(
            provider,
            variables["OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH"],
            variables["KUBERNETES_SERVICE_HOST"],
            both.oci.tls_port,
            region=both.oci.region,
        )

    exchanges = both.compare(theirs, lambda: OKEWorkloadIdentity(port=both.oci.tls_port))
    assert [exchange.service for exchange in exchanges] == ["workload_identity", "echo"]
    assert dict(exchanges[0].body) == {"podKey": "base64 of DER"}


def test_the_differences_have_their_reasons(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are left out of the comparison are there, and are what the list says."""
    set_all(monkeypatch, both.oci.environment("instance_principal"))
    endpoint = both.oci.federation_endpoint
    signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=endpoint)
    theirs = list(both.oci.records)
    both.oci.records.clear()
    InstancePrincipal(federation_endpoint=endpoint).fetch()
    ours = list(both.oci.records)
    (their_federation,) = [record for record in theirs if record.service == "federation"]
    (our_federation,) = [record for record in ours if record.service == "federation"]
    assert "/fed-x509/" in their_federation.key_id
    assert "/fed-x509-sha256/" in our_federation.key_id
    assert json.loads(our_federation.body)["fingerprintAlgorithm"] == "SHA256"
    assert "fingerprintAlgorithm" not in json.loads(their_federation.body)
    assert "/opc/v2/instance/region" in [record.target for record in ours]
    assert our_federation.header("accept") == "application/json"
    assert len(DIFFERENCES) == 7
