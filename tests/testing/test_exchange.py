"""One request on its way through a service, and which endpoint it is for."""

from __future__ import annotations

import re

import pytest

from oci_httpx_auth.testing import Request

from ..byhand import Draft, exchange
from ..standin import FakeCredential, FakeOCI, Principal


def test_the_endpoint_that_was_added_last_goes_first(oci: FakeOCI, key: FakeCredential) -> None:
    """So that a test can replace one of the stand-in's own."""
    oci.add_endpoint("/things/.*", lambda request, principal: {"by": "the first"})
    oci.add_endpoint("/things/a", lambda request, principal: {"by": "the second"})
    oci.add_endpoint("/20160918/regions", lambda request, principal: [], methods=("GET",))
    for path, answer in (("/things/a", {"by": "the second"}), ("/things/b", {"by": "the first"})):
        assert Draft(key, "GET", path, body=b"").sign().send(oci.url).json() == answer
    assert Draft(key, "GET", "/20160918/regions", body=b"").sign().send(oci.url).json() == []


def test_a_path_is_matched_as_a_whole(oci: FakeOCI, key: FakeCredential) -> None:
    """Without its query, and whatever bytes it has; what no endpoint has is echoed."""
    oci.add_endpoint("/things", lambda request, principal: {"found": request.path})
    assert Draft(key, "GET", "/things?a=b", body=b"").sign().send(oci.url).json() == {"found": "/things"}
    for path in ("/things/", "/a/things"):
        assert Draft(key, "GET", path, body=b"").sign().send(oci.url).status == 200
        assert oci.records[-1].service == "echo"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *((path, "NotAuthorizedOrNotFound") for path in ("/20160918/users/x", "/20160918", "//20160918/users/x")),
        *(
            (path, "NotAuthorizedOrNotFound")
            for path in ("/n", "/n/a/b/c", "//n/a", "/./n/a", "/%6E/a", "/N/a", "/b/c")
        ),
        *((path, "NotAuthorizedOrNotFound") for path in ("/opc", "/opc/v1/instance", "//opc/v2/instance/id")),
        *((f"/20231130/actions/{name}", "404") for name in ("chat", "embedText", "rerankText")),
        *((path, "404") for path in ("/v1/chat/completions", "/v1/models", "/v2/x", "/v1beta/models/x")),
        *(
            (path, "404")
            for path in ("/openai", "/openai/v2/responses", "/openai/chat/completions", "//openai/v1/models")
        ),
        *((path, "404") for path in ("/google/v1/models/x", "/anthropic/v1/messages", "/ocid1.instance.oc1..a/x")),
    ],
)
def test_a_path_of_ocis_form_is_404(oci: FakeOCI, key: FakeCredential, path: str, code: str) -> None:
    """Once the signature is verified, if nothing serves it; however it is spelled."""
    assert exchange(oci.url, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()).status == 401
    answer = Draft(key, "POST", f"{path}?a=b", body=b"{}").sign().send(oci.url)
    assert (answer.status, answer.json()["code"]) == (404, code)
    assert oci.records[-1].signed
    oci.add_endpoint(re.escape(path), lambda request, principal: {"found": True})
    assert Draft(key, "POST", path, body=b"{}").sign().send(oci.url).json() == {"found": True}


@pytest.mark.parametrize(
    "path", ["/", "/x", "/names/a", "/buckets", "/version", "/201609180/x", "/openais", "/x/20160918/y"]
)
def test_a_path_of_nobodys_form_is_echoed(oci: FakeOCI, key: FakeCredential, path: str) -> None:
    """Also where it begins with some of the letters of OCI's, or has them further on."""
    assert Draft(key, "GET", path, body=b"").sign().send(oci.url).json()["target"] == path


def test_a_method_that_no_endpoint_of_the_path_has_is_refused(oci: FakeOCI, key: FakeCredential) -> None:
    """With 405, once one of them has the path; each method may have an endpoint of its own."""
    for method in ("GET", "PUT"):
        oci.add_endpoint("/things", lambda request, principal: {"method": request.method}, methods=(method,))
    for method in ("GET", "PUT"):
        body = b"" if method == "GET" else b"{}"
        assert Draft(key, method, "/things", body=body).sign().send(oci.url).json() == {"method": method}
    assert Draft(key, "POST", "/things").sign().send(oci.url).status == 405
    assert oci.records[-1].reason == "the method POST is not allowed here"


def test_a_handler_learns_who_signed(oci: FakeOCI, key: FakeCredential) -> None:
    """It is not called for anybody else."""
    seen: list[Principal] = []

    def handle(request: Request, principal: Principal) -> dict[str, str]:
        seen.append(principal)
        return {}

    oci.add_endpoint("/things", handle, service="things")
    assert Draft(key, target="/things").send(oci.url).status == 401
    assert not seen
    assert Draft(key, target="/things").sign().send(oci.url).status == 200
    assert [principal.name for principal in seen] == [oci.records[-1].principal] == [f"user {oci.user}"]
    assert (oci.records[-1].service, oci.records[-1].mode) == ("things", "api_key")
