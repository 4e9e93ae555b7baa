"""The real `oci` SDK against the stand-in: what the SDK signs and exchanges is accepted, as OCI accepts it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sdk = pytest.importorskip("oci")

from endpoints import _native_requests, identity, native_chat, object_storage  # noqa: E402
from native_chat import text_of  # noqa: E402
from oci._vendor import requests  # noqa: E402
from oci.auth import rpt_path_providers, signers  # noqa: E402
from oci.auth.security_token_container import SecurityTokenContainer  # noqa: E402
from oci.auth.signers import resource_principals_federation_signer  # noqa: E402

from oci_httpx_auth import testing  # noqa: E402
from oci_httpx_auth.testing._auth_services import REGIONS  # noqa: E402

from ...standin import FakeOCI, Record  # noqa: E402

# The SDK leaves the connections of its sessions to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def call(oci: FakeOCI, session: requests.Session, signer: Any) -> Record:
    """One accepted call with this signer; returns its record."""
    answer = session.post(f"{oci.url}/things", json={"name": "x"}, auth=signer)
    assert answer.status_code == 200, oci.records[-1].reason
    assert oci.records[-1].signed
    return oci.records[-1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"])
def test_the_sdks_api_key_signer_is_accepted_for_each_method(
    oci: FakeOCI, session: requests.Session, tmp_path: Path, method: str
) -> None:
    """Config file, key file and signature fit together, with and without a body."""
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))
    signer = sdk.signer.Signer.from_config(config)
    body = b'{"a": 1}' if method in ("POST", "PUT", "PATCH") else None

    answer = session.request(method, f"{oci.url}/a//b%2Fc;d?x=1&y=%20", data=body, auth=signer)

    record = oci.records[-1]
    assert (answer.status_code, record.reason, record.mode) == (200, "", "api_key")
    assert record.target == "/a//b%2Fc;d?x=1&y=%20"
    assert ("x-content-sha256" in record.signed_headers) == (body is not None)


def test_the_sdk_signs_a_missing_body(oci: FakeOCI, session: requests.Session, tmp_path: Path) -> None:
    """A POST without a body has a length of 0 and the digest of nothing, and both are signed."""
    signer = sdk.signer.Signer.from_config(sdk.config.from_file(str(oci.write_config(tmp_path))))
    assert session.post(f"{oci.url}/x", auth=signer).status_code == 200
    assert oci.records[-1].header("x-content-sha256") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_an_encrypted_key_loads_with_the_passphrase_of_its_profile(
    oci: FakeOCI, session: requests.Session, tmp_path: Path
) -> None:
    """The profile's pass_phrase opens the key file that was written beside it."""
    path = oci.write_config(tmp_path, profile="LOCKED", passphrase="open sesame")
    config = sdk.config.from_file(str(path), "LOCKED")
    assert b"ENCRYPTED" in Path(config["key_file"]).read_bytes()
    call(oci, session, sdk.signer.Signer.from_config(config))


def test_the_sdks_session_signer_is_accepted_with_the_files_of_a_session(
    oci: FakeOCI, session: requests.Session, tmp_path: Path
) -> None:
    """Token and key of a session profile, put together as Oracle's documentation shows."""
    config = sdk.config.from_file(str(oci.write_config(tmp_path, profile="S", session=True)), "S")
    token = Path(config["security_token_file"]).read_text()
    key = sdk.signer.load_private_key_from_file(config["key_file"])

    record = call(oci, session, signers.SecurityTokenSigner(token, key))

    assert (record.mode, record.principal) == ("security_token", f"session of user {oci.user}")


@pytest.mark.parametrize("region", ["us-chicago-1", "us-phoenix-1"])
def test_an_instance_principal_of_the_sdk_gets_its_token(
    oci: FakeOCI, session: requests.Session, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """Metadata, federation with the SHA-1 key id and no host signed, then a call with the token."""
    oci.region = region
    for name, value in oci.environment("instance_principal").items():
        monkeypatch.setenv(name, value)

    signer = signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=oci.federation_endpoint)
    record = call(oci, session, signer)

    assert (record.mode, record.principal) == ("instance_principal", f"instance {oci.instance}")
    federation = next(r for r in oci.records if r.service == "federation")
    assert "/fed-x509/" in federation.key_id
    assert "host" not in federation.signed_headers
    assert signer.tenancy_id == oci.tenancy
    assert signer.region == region


def test_the_sdk_learns_a_regions_realm_from_metadata(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each region in its own tables, what it reads there is what the tables say."""
    known = regions_of_the_sdk()
    learned = {}
    for name in known:
        oci.region = name
        learned[name] = region_from_metadata(oci.url, name, monkeypatch)
    assert learned == known
    assert len(known) > 80


def test_the_sdk_learns_four_regions_from_the_stand_in_that_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that Identity lists there."""
    known = regions_of_the_sdk()
    for name in REGIONS.values():
        with testing.FakeOCI(region=name) as oci:
            assert region_from_metadata(oci.url, name, monkeypatch) == known[name]


def regions_of_the_sdk() -> dict[str, tuple[str, str, str]]:
    """Realm, domain and key of each region that the SDK knows."""
    regions = sdk.regions
    keys = {region: key for key, region in regions.REGIONS_SHORT_NAMES.items()}
    return {name: (realm, regions.REALMS[realm], keys[name]) for name, realm in regions.REGION_REALMS.items()}


def region_from_metadata(url: str, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
    """The same, as the SDK learns it where it knows no region."""
    regions = sdk.regions
    with monkeypatch.context() as patch:
        patch.setattr(regions, "GET_REGION_URL", f"{url}/opc/v2/instance/regionInfo")
        for table in ("REGIONS_SHORT_NAMES", "REGION_REALMS", "REALMS"):
            patch.setattr(regions, table, {})
        patch.setattr(regions, "REGIONS", [])
        patch.setitem(regions._has_been_read_external_sources, regions.ExternalSources.IMDS, False)
        assert regions._set_region_from_instance_metadata_service(name)
        (realm,), (key,) = regions.REALMS, regions.REGIONS_SHORT_NAMES
        return realm, regions.REALMS[realm], key


@pytest.mark.parametrize("purpose", [None, "SERVICE_PRINCIPAL"])
def test_an_instance_that_moved_is_known_by_its_new_tenancy(
    oci: FakeOCI, session: requests.Session, monkeypatch: pytest.MonkeyPatch, purpose: str | None
) -> None:
    """The SDK refuses a new tenancy in the certificate, unless it was given a purpose."""
    monkeypatch.setenv("OCI_METADATA_BASE_URL", oci.metadata_url)
    signer = signers.InstancePrincipalsSecurityTokenSigner(federation_endpoint=oci.federation_endpoint, purpose=purpose)
    oci.change_tenancy()
    if purpose is None:
        with pytest.raises(RuntimeError, match="tenancy"):
            signer.refresh_security_token()
    else:
        # The SDK keeps the first tenancy in its key id, which no longer is that of the certificate.
        with pytest.raises(sdk.exceptions.ServiceError):
            signer.refresh_security_token()
        assert oci.records[-1].reason == "the key id's tenancy is not that of the certificate"


@pytest.mark.parametrize("files", [False, True])
def test_a_resource_principal_2_2_of_the_sdk_is_accepted(
    oci: FakeOCI, session: requests.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: bool
) -> None:
    """Token and key come as literals or in files, and no service is asked."""
    for name, value in oci.environment("resource_principal", directory=tmp_path if files else None).items():
        monkeypatch.setenv(name, value)
    record = call(oci, session, signers.get_resource_principals_signer())
    assert record.mode == "resource_principal"
    assert len(oci.records) == 1


@pytest.mark.parametrize("version", ["2.1", "2.1.1", "2.1.2"])
def test_a_resource_principal_with_a_key_pair_of_the_sdk_gets_its_token(
    oci: FakeOCI, session: requests.Session, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Both token requests are signed with the key pair's own key id."""
    for name, value in oci.environment("resource_principal", version=version).items():
        monkeypatch.setenv(name, value)
    signer = signers.get_resource_principals_signer()
    if version == "2.1.2":
        assert oci.records[0].header("security-context")
    record = call(oci, session, signer)
    assert record.mode == "resource_principal"
    assert [r.service for r in oci.records] == ["rpt", "rpst", "echo"]
    assert all(r.key_id.startswith(f"resource/v{version}/ocid1.") for r in oci.records[:2])


def test_a_resource_principal_1_1_of_the_sdk_gets_its_token(
    oci: FakeOCI, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance asks for the resource's two tokens and changes them for the one it signs with."""
    environment = oci.environment("resource_principal", version="1.1")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # The SDK builds the instance principal inside by itself and offers no way to tell it the endpoint; and its own
    # path provider asks the real metadata address, whatever the environment says.
    own = resource_principals_federation_signer.InstancePrincipalsSecurityTokenSigner

    def with_endpoint(**options: Any) -> Any:
        return own(federation_endpoint=oci.federation_endpoint, **options)

    monkeypatch.setattr(resource_principals_federation_signer, "InstancePrincipalsSecurityTokenSigner", with_endpoint)
    path = f"/20180711/resourcePrincipalToken/{environment['OCI_RESOURCE_PRINCIPAL_RPT_ID']}"
    provider = rpt_path_providers.StringRptPathProvider(path)

    record = call(oci, session, signers.get_resource_principals_signer(provider))

    assert record.mode == "resource_principal"
    assert [r.principal for r in oci.records if r.service in ("rpt", "rpst")] == [f"instance {oci.instance}"] * 2


@pytest.fixture
def parent_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the SDK reach a parent resource: since some release it refuses any endpoint that has a path, and takes the
    complete URL of the parent's token for an endpoint."""

    def accept(client: object, endpoint: str) -> None:
        return None

    monkeypatch.setattr(sdk.BaseClient, "_validate_endpoint_host_components", accept, raising=False)


@pytest.mark.usefixtures("parent_urls")
@pytest.mark.parametrize("depth", [1, 2])
def test_a_nested_resource_principal_of_the_sdk_gets_its_parents_token(
    oci: FakeOCI, session: requests.Session, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Each level is asked for by the one below. The SDK goes two levels up and no further."""
    for name, value in oci.environment("resource_principal", version="3.0", depth=depth).items():
        monkeypatch.setenv(name, value)
    record = call(oci, session, signers.get_resource_principals_signer())
    assert record.principal.startswith(f"resource ocid1.parent{depth}.")


@pytest.mark.usefixtures("parent_urls")
def test_the_sdk_finds_the_cycle_in_a_chain_of_parents(oci: FakeOCI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parent may name itself as its parent."""
    for name, value in oci.environment("resource_principal", version="3.0", cycle=True).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AttributeError, match="cycle"):
        signers.get_resource_principals_signer()


def test_a_pod_of_the_sdk_gets_its_token_over_tls(oci: FakeOCI, session: requests.Session, tmp_path: Path) -> None:
    """The service account's token is exchanged at the proxy, which is certified by the service account's CA."""
    record = call(oci, session, pods_signer(oci, tmp_path))
    assert (record.mode, oci.records[0].service) == ("oke_workload_identity", "workload_identity")


def test_a_pod_of_the_sdk_gets_no_token_in_a_basic_cluster(oci: FakeOCI, tmp_path: Path) -> None:
    """At `/resourcePrincipalSessionTokens` it meets a 403, whose advice is to use an enhanced cluster."""
    oci.enhanced_cluster = False
    with pytest.raises(Exception, match="ensure the cluster type is enhanced"):
        pods_signer(oci, tmp_path)
    assert {(record.target, record.status) for record in oci.records} == {("/resourcePrincipalSessionTokens", 403)}


def pods_signer(oci: FakeOCI, directory: Path) -> Any:
    environment = oci.environment("oke_workload_identity", directory=directory)
    # The SDK's function for this reads the same variables, but knows no port than 12250.
    module = signers.oke_workload_identity_resource_principal_signer
    provider = rpt_path_providers.DefaultServiceAccountTokenProvider()
    provider.override_sa_token_path(environment["OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH"])
    return module.OkeWorkloadIdentityResourcePrincipalSigner(
        provider,
        environment["OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH"],
        environment["KUBERNETES_SERVICE_HOST"],
        oci.tls_port,
        region=oci.region,
    )


def test_the_sdks_clients_work_with_it(oci: FakeOCI, tmp_path: Path) -> None:
    """Regions, objects and native chat by the generated clients, as a user would call them."""
    native_chat.add_to(oci)
    object_storage.add_to(oci)
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))

    identity = sdk.identity.IdentityClient(config, service_endpoint=oci.url + "/20160918")
    assert "us-chicago-1" in [region.name for region in identity.list_regions().data]

    storage = sdk.object_storage.ObjectStorageClient(config, service_endpoint=oci.url)
    namespace = storage.get_namespace().data
    storage.put_object(namespace, "bucket", "a/b c.txt", b"some bytes")
    # PutObject is sent without signing its body.
    assert oci.records[-1].signed_headers == ("date", "(request-target)", "host")
    assert storage.get_object(namespace, "bucket", "a/b c.txt").data.content == b"some bytes"
    assert [bucket.name for bucket in storage.list_buckets(namespace, oci.compartment).data] == ["bucket"]
    storage.delete_object(namespace, "bucket", "a/b c.txt")
    with pytest.raises(sdk.exceptions.ServiceError) as caught:
        storage.get_object(namespace, "bucket", "a/b c.txt")
    assert caught.value.status == 404

    models = sdk.generative_ai_inference.models
    client = sdk.generative_ai_inference.GenerativeAiInferenceClient(config, service_endpoint=oci.url)
    requests_by_form = {
        "GENERIC": models.GenericChatRequest(
            messages=[models.UserMessage(content=[models.TextContent(text="good morning")])]
        ),
        "COHERE": models.CohereChatRequest(message="good morning"),
    }
    for form, request in requests_by_form.items():
        model = "cohere.command-a-03-2025" if form == "COHERE" else "xai.grok-4.3"
        details = models.ChatDetails(
            compartment_id=oci.compartment,
            serving_mode=models.OnDemandServingMode(model_id=model),
            chat_request=request,
        )
        answer = client.chat(details).data.chat_response
        text = answer.text if form == "COHERE" else answer.choices[0].message.content[0].text
        assert text == "You said: good morning"
        if form == "COHERE":
            turns = [models.CohereUserMessage(message="good morning"), models.CohereChatBotMessage(message=text)]
            assert answer.chat_history == turns
        request.is_stream = True
        events = list(client.chat(details).data.events())
        assert len(events) > 2


def test_the_sdk_finds_nothing_that_is_not_served(oci: FakeOCI, tmp_path: Path) -> None:
    """404 for operations whose endpoints no example has added, even with a compartment and a model that are there."""
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))
    storage = sdk.object_storage.ObjectStorageClient(config, service_endpoint=oci.url)
    identity = sdk.identity.IdentityClient(config, service_endpoint=oci.url + "/20160918")
    client = sdk.generative_ai_inference.GenerativeAiInferenceClient(config, service_endpoint=oci.url)
    models = sdk.generative_ai_inference.models
    message = models.UserMessage(content=[models.TextContent(text="good morning")])
    chat = models.ChatDetails(
        compartment_id=oci.compartment,
        serving_mode=models.OnDemandServingMode(model_id="xai.grok-4.3"),
        chat_request=models.GenericChatRequest(messages=[message]),
    )
    embed = models.EmbedTextDetails(inputs=["a"], serving_mode=chat.serving_mode, compartment_id=oci.compartment)
    for operation, code in (
        (lambda: storage.get_bucket("namespace", "bucket"), "NotAuthorizedOrNotFound"),
        (lambda: storage.head_bucket("namespace", "bucket"), None),  # Without a body, there is no code.
        (lambda: identity.get_user(oci.user), "NotAuthorizedOrNotFound"),
        (lambda: client.chat(chat), "404"),
        (lambda: client.embed_text(embed), "404"),
    ):
        with pytest.raises(sdk.exceptions.ServiceError) as caught:
            operation()
        assert (caught.value.status, caught.value.code) == (404, code)
        assert oci.records[-1].signed


def test_the_sdk_reads_every_page_and_every_head(oci: FakeOCI, tmp_path: Path) -> None:
    """Its own pagination follows the stand-in's pages to the last one."""
    identity.add_to(oci)
    object_storage.add_to(oci, buckets=["one", "two"])
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))
    storage = sdk.object_storage.ObjectStorageClient(config, service_endpoint=oci.url)
    namespace = storage.get_namespace().data
    for bucket, name in [("one", "a"), ("one", "ab"), ("one", "b"), ("two", "c")]:
        storage.put_object(namespace, bucket, name, b"some bytes")
    whole = sdk.pagination.list_call_get_all_results
    buckets = whole(storage.list_buckets, namespace, oci.compartment, limit=1).data
    assert [bucket.name for bucket in buckets] == ["one", "two"]
    first = storage.list_objects(namespace, "one", limit=2).data
    rest = storage.list_objects(namespace, "one", start=first.next_start_with).data
    assert [each.name for each in first.objects + rest.objects] == ["a", "ab", "b"]
    assert [each.name for each in storage.list_objects(namespace, "one", prefix="a").data.objects] == ["a", "ab"]
    assert storage.head_bucket(namespace, "one").status == 200
    assert storage.get_bucket(namespace, "two").data.compartment_id == oci.compartment
    with pytest.raises(sdk.exceptions.ServiceError, match="404"):
        storage.head_bucket(namespace, "three")
    with pytest.raises(sdk.exceptions.ServiceError, match="BucketNotFound"):
        storage.put_object(namespace, "three", "a", b"some bytes")
    assert storage.head_object(namespace, "one", "a").headers["content-length"] == "10"

    client = sdk.identity.IdentityClient(config, service_endpoint=oci.url + "/20160918")
    once = client.list_compartments(oci.tenancy).data
    paged = whole(client.list_compartments, oci.tenancy, limit=2).data
    assert [each.id for each in paged] == [each.id for each in once]
    assert len(once) > 2
    assert {each.lifecycle_state for each in once} == {"ACTIVE"}


@pytest.mark.parametrize("kind", ["session", "instance", "resource", "workload"])
def test_the_sdk_reads_the_tokens(oci: FakeOCI, kind: str) -> None:
    """Its container finds them valid, for whom they are, and no longer once they have ended."""
    public_key = oci.add_api_key().public_key
    tokens = [oci.issue_token(public_key, kind=kind, lifetime=lifetime) for lifetime in (600.0, -60.0)]
    fresh, ended = (SecurityTokenContainer(None, token) for token in tokens)
    assert (fresh.valid(), fresh.valid_with_half_expiration_time(), ended.valid()) == (True, True, False)
    claims = fresh.get_jwt()
    assert (claims["tenant"], claims["exp"] - claims["iat"]) == (oci.tenancy, 600)


def test_the_sdk_sees_its_key_refused_as_oci_refuses_it(oci: FakeOCI, tmp_path: Path) -> None:
    """A key that is not known gives 401, code NotAuthenticated, and a request id to quote."""
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))
    with FakeOCI() as stranger:
        client = sdk.identity.IdentityClient(config, service_endpoint=stranger.url + "/20160918")
        with pytest.raises(sdk.exceptions.ServiceError) as caught:
            client.list_regions()
    assert (caught.value.status, caught.value.code) == (401, "NotAuthenticated")
    assert caught.value.request_id
    assert stranger.records[-1].reason.startswith("no API key is registered")


def frames(client: Any, oci: FakeOCI, model: str, request: Any) -> list[str]:
    """What a native stream's events hold, by the SDK's own reader."""
    models = sdk.generative_ai_inference.models
    mode = models.OnDemandServingMode(model_id=model)
    details = models.ChatDetails(compartment_id=oci.compartment, serving_mode=mode, chat_request=request)
    return [event.data for event in client.chat(details).data.events()]


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("form", ["GENERIC", "COHERE", "COHEREV2"])
def test_a_native_stream_is_read_by_the_sdk(oci: FakeOCI, tmp_path: Path, form: str, usage: bool) -> None:
    """In each form, with an empty frame; usage comes when it was asked for, in GENERIC after the last frame."""
    native_chat.add_to(oci)
    models = sdk.generative_ai_inference.models
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))
    client = sdk.generative_ai_inference.GenerativeAiInferenceClient(config, service_endpoint=oci.url)
    options = {"is_stream": True, "stream_options": models.StreamOptions(is_include_usage=True) if usage else None}
    request = {
        "GENERIC": lambda: models.GenericChatRequest(
            messages=[models.UserMessage(content=[models.TextContent(text="one two")])], **options
        ),
        "COHERE": lambda: models.CohereChatRequest(message="one two", **options),
        "COHEREV2": lambda: models.CohereChatRequestV2(
            messages=[models.CohereUserMessageV2(content=[models.CohereTextContentV2(text="one two")])], **options
        ),
    }[form]()
    model = "cohere.command-a-03-2025" if form.startswith("COHERE") else "xai.grok-4.3"
    read = [json.loads(data) for data in frames(client, oci, model, request) if data]
    last = read[-2] if usage and form == "GENERIC" else read[-1]
    assert "finishReason" in last
    assert [("usage" in frame) for frame in read] == [False] * (len(read) - 1) + [usage]
    assert "".join(text_of(frame) for frame in read if "finishReason" not in frame) == "You said: one two"
    if form == "GENERIC":
        assert "[DONE]" in frames(client, oci, "meta.llama-3.3-70b-instruct", request)


def fields_of(form: dict[str, Any], model: Any) -> dict[str, Any]:
    """The fields of one of the SDK's models, in the notation of the stand-in's `form`, which is not looked into further."""
    told = {}
    for attribute, kind in model().swagger_types.items():
        description = getattr(model, attribute).__doc__
        name = model().attribute_map[attribute] + ("*" if "**[Required]**" in description else "")
        inner = form.get(name)
        if "Allowed values" in description:
            names = set(re.findall(r'"([A-Z_]+)"', description.partition("Allowed values")[2]))
            told[name] = inner if isinstance(inner, str) and set(inner.split()) == names else names
        elif kind.startswith("list["):
            told[name] = inner if isinstance(inner, list) else list
        else:
            simple = {"bool": bool, "int": int, "float": float, "str": str}
            told[name] = simple.get(kind, inner if isinstance(inner, (dict, tuple)) else dict)
    return told


KNOWN = {
    "ChatDetails": _native_requests.DETAILS,
    "GenericChatRequest": _native_requests.GENERIC,
    "CohereChatRequest": _native_requests.COHERE,
    "CohereChatRequestV2": _native_requests.COHERE_V2,
    "CohereTool": _native_requests.COHERE["tools"][0],
    "CohereToolCall": _native_requests.CALL,
    "CohereToolResult": _native_requests.RESULT,
    "CohereUserMessage": _native_requests.TURN[1]["USER"],
    "CohereSystemMessage": _native_requests.TURN[1]["SYSTEM"],
    "CohereChatBotMessage": _native_requests.TURN[1]["CHATBOT"],
    "CohereToolMessage": _native_requests.TURN[1]["TOOL"],
    **{f"Cohere{role.title()}MessageV2": form for role, form in _native_requests.MESSAGE_V2[1].items()},
    # The SDK says of no message in GENERIC that it needs content.
    **{
        f"{role.title()}Message": {name.replace("content*", "content"): kind for name, kind in form.items()}
        for role, form in _native_requests.MESSAGE[1].items()
    },
}


@pytest.mark.parametrize("model", KNOWN)
def test_what_a_native_request_may_be_is_what_the_sdk_says(model: str) -> None:
    """All fields, which of them are required, their types and enumerations."""
    told = fields_of(KNOWN[model], getattr(sdk.generative_ai_inference.models, model))
    assert {name: kind for name, kind in told.items() if name not in ("apiFormat*", "role*")} == KNOWN[model]


def test_the_sdk_reads_a_missing_message(oci: FakeOCI, tmp_path: Path) -> None:
    """All tokens went into reasoning. A model that is not there is named."""
    native_chat.add_to(oci)
    models = sdk.generative_ai_inference.models
    config = sdk.config.from_file(str(oci.write_config(tmp_path)))
    client = sdk.generative_ai_inference.GenerativeAiInferenceClient(config, service_endpoint=oci.url)
    message = models.UserMessage(content=[models.TextContent(text="x")])

    def ask(model: str) -> Any:
        mode = models.OnDemandServingMode(model_id=model)
        request = models.GenericChatRequest(messages=[message], max_tokens=1)
        details = models.ChatDetails(compartment_id=oci.compartment, serving_mode=mode, chat_request=request)
        return client.chat(details).data.chat_response

    assert (ask("xai.grok-4.3").choices[0].message, ask("xai.grok-4.3").choices[0].finish_reason) == (None, "length")
    with pytest.raises(sdk.exceptions.ServiceError) as caught:
        ask("gpt-4o")
    assert (caught.value.status, caught.value.code) == (404, "404")
    assert caught.value.message == "Entity with key gpt-4o not found"
