"""What a signer writes to the log: everything known about a failure, and no secret."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from oci_httpx_auth import OCISigner
from oci_httpx_auth._log import refusal_cause

from .standin import FakeOCI, Fault


def test_an_event_hook_that_changes_a_signed_header_is_named_in_the_log(
    oci: FakeOCI, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """httpx calls hooks after signing; the warning says what differs, and nothing of the key."""

    def hook(request: httpx.Request) -> None:
        request.headers["date"] = "Mon, 02 Mar 2026 09:30:00 GMT"

    signer = OCISigner(config_file=oci.write_config(tmp_path))
    with httpx.Client(auth=signer, event_hooks={"request": [hook]}) as client:
        assert client.get(f"{oci.url}/x").status_code == 401
    assert "changed after it was signed: the signed header date changed or disappeared" in caplog.text


CHAT = "/openai/v1/chat/completions"


@pytest.mark.parametrize(
    ("status", "method", "path", "says"),
    [
        (404, "POST", CHAT, "Usually no policy allows it in this compartment"),
        (403, "POST", "/20231130/actions/v1/chat/completions", "Usually no policy allows it"),
        (404, "POST", "/v1/chat/completions", "nothing at the path /v1/chat/completions. Usually the base URL"),
        (404, "GET", "/openai/v1/responses/resp_1", ""),
        (400, "POST", CHAT, ""),
    ],
)
def test_a_denied_call_to_generative_ai_leaves_one_line_in_the_log(
    oci: FakeOCI, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, method: str, path: str, says: str
) -> None:
    """Once per signer and cause, with the request id; nothing for other answers, and another signer says it again."""
    config = oci.write_config(tmp_path)
    oci.fault_source = lambda service, record: Fault(status=status, code=str(status), message="Authorization failed.")
    host = "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com"
    for signer in (OCISigner(config_file=config), OCISigner(config_file=config)):
        with httpx.Client(auth=signer, transport=oci.transport()) as client:
            answers = [client.request(method, host + path, json={}) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {status}
        lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len(lines) == bool(says)
        if says:
            assert says in lines[0]
            assert f"answered {status} to a signed request" in lines[0]
            assert answers[0].headers["opc-request-id"] in lines[0]
        caplog.clear()


def test_the_log_line_of_a_principal_speaks_of_dynamic_groups_and_of_a_refused_model_too(
    oci: FakeOCI, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its policy has another form; and the answer's body is still there for the caller."""
    for name, value in oci.environment("resource_principal").items():
        monkeypatch.setenv(name, value)
    oci.fault_source = lambda service, record: Fault(status=404, code="404", message="Authorization failed.")
    url = f"https://inference.generativeai.us-chicago-1.oci.oraclecloud.com{CHAT}"
    with (
        httpx.Client(auth=OCISigner(auth="resource_principal"), transport=oci.transport()) as client,
        client.stream("POST", url, json={}) as answer,
    ):
        assert b"Authorization failed" in b"".join(answer.iter_raw())
    assert "denied this resource principal" in caplog.text
    assert "dynamic group" in caplog.text


def test_a_persistent_401_reaches_the_caller_untouched_with_one_warning(
    oci: FakeOCI, signer: OCISigner, library: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning says who, how, and which request id; and nothing secret."""
    with FakeOCI() as stranger, library.Client(auth=signer) as client:
        response = client.post(f"{stranger.url}/x", json={})
        assert [record.status for record in stranger.records] == [401]
    assert response.json()["code"] == "NotAuthenticated"
    here = threading.get_ident()  # what an earlier test has left behind may log on a thread of its own
    (warning,) = [record for record in caplog.records if (record.name, record.thread) == ("oci_httpx_auth", here)]
    message = warning.getMessage()
    assert warning.levelno == logging.WARNING
    for word in (
        "401",
        "POST",
        "api_key",
        "profile DEFAULT",
        response.headers["opc-request-id"],
        "has no such API key",
    ):
        assert word in message
    for name, value in response.request.headers.items():
        assert name != "authorization" or value not in message


def refused(*earlier: httpx.Response, request_id: str = "x") -> httpx.Response:
    headers = {"opc-request-id": request_id} if request_id else {}
    return httpx.Response(401, headers=headers, history=list(earlier))


def test_a_change_is_reported_before_the_credential_is_blamed() -> None:
    """The remedy is about hooks and transports."""
    cause = refusal_cause("api_key", refused(), changed="the signed header date changed or disappeared", expired=True)
    assert cause.code == "changed-after-signing"
    assert "header date" in cause.cause
    assert "event hook" in cause.remedy


def test_causes_of_a_refusal() -> None:
    """What is known of a 401, from the surest to the vaguest."""
    redirect = httpx.Response(307, headers={"location": "/"})
    assert refusal_cause("api_key", refused(redirect), problem="x", expired=True).code == "redirected"
    assert "x" in refusal_cause("api_key", refused(), problem="x", expired=True).cause
    assert refusal_cause("api_key", refused(request_id=""), expired=True).code == "proxy"
    assert refusal_cause("api_key", refused(), expired=True).code == "credential-expired"
    assert refusal_cause("custom", refused()).code == "identity-refused"
