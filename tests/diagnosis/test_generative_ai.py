"""The call to Generative AI, and why it was refused."""

from __future__ import annotations

from oci_httpx_auth.diagnosis import check

from .broken import Broken


def test_without_a_region_generative_ai_is_not_called(setting: Broken) -> None:
    """There is no endpoint to call; the signed call went to the given one."""
    path = setting.config()
    setting.edit(path, "region", "")
    del setting.options["base_url"]
    report = check(**setting.options, compartment_id=setting.oci.compartment)
    assert report.ok, report
    assert report.lines[-1].text == "not called: no region is known"
