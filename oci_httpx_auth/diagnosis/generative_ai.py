"""The call to Generative AI, and why it was refused although Identity accepts the signature."""

from __future__ import annotations

import re
from typing import Any

import httpx

from .._auth_service.regions import inference_endpoint
from .._causes import OPENAI_PATHS, PRINCIPALS
from .._verdicts import Finding, cause
from .ocids import cut_off_cause, elsewhere_cause, parse_ocid, place_cause, policy_for, with_article
from .run import Run, from_oci, message_of, send

_DEPLOYMENT = re.compile(r"/ocid1\.datasciencemodeldeployment[^/]*/(?:predict|predictWithResponseStream)/v1")
_LIMIT = re.compile(r"max_(?:completion_|output_)?tokens|maxTokens")


def call_generative_ai(run: Run) -> Finding | None:
    """A chat completion of one token, or why there is none."""
    if not run.compartment and not run.project and run.mode != "generative_ai_api_key":
        run.log("note", "Generative AI", "not called: no compartment or project is given")
        return None
    if run.base_url is None and run.region is None:
        run.log("note", "Generative AI", "not called: no region is known")
        return None
    wrong = place_cause("compartment", run.compartment, ("compartment", "tenancy"))
    if wrong := wrong or place_cause("project", run.project, ("generativeaiproject",)):
        return wrong
    url = (run.base_url or f"{inference_endpoint(run.region or '')}/openai/v1").rstrip("/")
    answer = _chat(run, "Generative AI", url, run.compartment, max_tokens=1)
    if isinstance(answer, httpx.Response) and answer.status_code == 400 and _LIMIT.search(answer.text):
        answer = _chat(run, "without a limit", url, run.compartment)
    if isinstance(answer, Finding):
        unresolved = answer.code == "name-not-found" or re.search(r"cannot reach .* \(50[234]\)", answer.cause)
        return cause("not-offered", region=run.region or "this region") if unresolved else answer
    return None if answer.status_code == 200 and from_oci(answer) else _refusal_cause(run, url, answer)


def _chat(run: Run, subject: str, url: str, compartment: str | None, **limit: int) -> httpx.Response | Finding:
    body: dict[str, Any] = {"model": run.model, "messages": [{"role": "user", "content": "Hi"}], **limit}
    headers = {"opc-compartment-id": compartment, "OpenAI-Project": run.project}
    sent = {name: value for name, value in headers.items() if value}
    return send(run, subject, "POST", f"{url}/chat/completions", headers=sent, json=body)


def _refusal_cause(run: Run, url: str, answer: httpx.Response) -> Finding:
    status, message, region = answer.status_code, message_of(answer), run.region or "this region"
    if status in (404, 405) and (wrong := _path_cause(url)):
        return wrong
    if not from_oci(answer):
        return cause("proxy/answers", status=status)
    if status == 401 and run.mode == "generative_ai_api_key":
        return cause("bearer-key-refused", region=region, policy=policy_for(run))
    if status == 401:
        return cause("not-subscribed/generative-ai", region=region)
    if status == 404 and "HTTP 404 Not Found" in message:
        return cause("wrong-path/unknown", region=region, path=repr(f"{httpx.URL(url).path}/chat/completions"))
    if status == 400 and "OpenAI-Project" in message:
        return cause("no-project", message=message)
    if status in (400, 404) and (wrong := _model_cause(run, message)):
        return wrong
    if re.search(r"LimitExceeded|QuotaExceeded|service limit", message):
        return cause("limit-reached", message=message)
    if status in (403, 404):
        return _permission_cause(run, url)
    code = {400: "bad-request", 429: "throttled/generative-ai"}.get(status, "service-down")
    return cause(code, service="Generative AI", status=status, message=message, model=run.model)


def _path_cause(url: str) -> Finding | None:
    """A base URL that does not lead to OpenAI's API."""
    target = httpx.URL(url)
    path = target.path.rstrip("/")
    if path.endswith(OPENAI_PATHS) or _DEPLOYMENT.fullmatch(path):
        return None
    values = {"path": repr(path or "/"), "base": f"{target.scheme}://{target.netloc.decode()}"}
    if target.host.startswith("modeldeployment.") or "/ocid1.datasciencemodeldeployment" in path:
        return cause("wrong-path/deployment", **values)
    if not target.host.startswith("inference.generativeai."):
        return None
    return cause("wrong-path/native" if "/20231130" in path else "wrong-path", **values)


def _model_cause(run: Run, message: str) -> Finding | None:
    """An answer about the model, as far as its words and the model's name show it."""
    if elsewhere := elsewhere_cause("endpoint", run.model, run.region):
        return elsewhere
    if (ocid := parse_ocid(run.model)) and ocid["kind"] != "generativeaiendpoint":
        return cause("model-unknown/kind", kind=with_article(ocid["kind"]))
    if run.model.lower() in message.lower() or re.search(r"\bmodels?\b", message, re.IGNORECASE):
        return cause("model-unknown", region=run.region or "this region", model=run.model, message=message)
    return None


def _permission_cause(run: Run, url: str) -> Finding:
    """A 403 or 404, with which OCI says that something does not exist or may not be used."""
    if "modeldeployment" in url:
        return cause("deployment-not-found", policy=policy_for(run, "{DATA_SCIENCE_MODEL_DEPLOYMENT_PREDICT}"))
    elsewhere = elsewhere_cause("compartment", run.compartment, run.region)
    if elsewhere := elsewhere or elsewhere_cause("project", run.project, run.region):
        return elsewhere
    place = run.compartment or run.project
    if run.compartment and run.tenancy not in (None, run.compartment) and run.mode not in PRINCIPALS:
        root = _chat(run, "root compartment", url, run.tenancy, max_tokens=1)
        if isinstance(root, httpx.Response) and root.status_code == 200:
            return cause("wrong-compartment", place=place)
    if run.compartment and (cut := cut_off_cause(compartment=run.compartment)):
        return cut
    if run.fallen_through:
        return cause("not-the-workload/denied", reason=run.fallen_through)
    if run.mode in PRINCIPALS:
        return cause("no-policy/principal", who=run.mode.replace("_", " "), place=place, policy=policy_for(run))
    who = "This API key" if run.mode == "generative_ai_api_key" else "This user"
    return cause("no-policy", who=who, place=place, policy=policy_for(run))
