"""The call to Generative AI, and why it was refused."""

from __future__ import annotations

import pytest

from oci_httpx_auth.diagnosis import check

from ..standin import Fault
from .broken import Broken


def test_without_a_region_generative_ai_is_not_called(setting: Broken) -> None:
    """There is no endpoint to call; the signed call went to the given one."""
    path = setting.config()
    setting.edit(path, "region", "")
    del setting.options["base_url"]
    report = check(**setting.options, compartment_id=setting.oci.compartment)
    assert report.ok, report
    assert report.lines[-1].text == "not called: no region is known"


@pytest.mark.parametrize(
    ("model", "status", "message", "code"),
    [
        ("ocid1.generativeaimodel.oc1.us-chicago-1.aaaa", 400, "Missing header OpenAI-Project", "no-project"),
        ("ocid1.generativeaimodel.oc1.us-chicago-1.aaaa", 404, "HTTP 404 Not Found", "wrong-path"),
        ("ocid1.generativeaimodel.oc1.us-chicago-1.aaaa", 404, "Not found", "model-unknown"),
        ("acme.none", 404, "There is no acme.none_v2", "model-unknown"),
        ("acme.none", 409, "LimitExceeded", "limit-reached"),
        ("acme.none", 503, "A service limit was reached", "limit-reached"),
    ],
)
def test_what_an_answer_says_counts_more_than_its_status_and_the_models_ocid(
    setting: Broken, model: str, status: int, message: str, code: str
) -> None:
    """A status alone, or a model that may be wrong as well, would hide what the service has said."""
    setting.config()
    setting.inference_answers(lambda compartment: Fault(status=status, code="Refused", message=message))
    report = check(**setting.options, compartment_id=setting.oci.compartment, model=model)
    assert [finding.code for finding in report.findings] == [code]


def test_the_base_url_of_an_api_key_needs_no_region(setting: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is meant for something else does not matter, as it does not for `create_openai`."""
    monkeypatch.setenv("OCI_GENAI_API_KEY", setting.oci.add_bearer_key())
    monkeypatch.setenv("OCI_REGION", "Chicago, IL")
    report = check(base_url=setting.oci.openai_url)
    assert report.ok, report
    assert [line.subject for line in report.lines] == ["source", "Generative AI"]
