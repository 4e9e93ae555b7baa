"""The call to Generative AI, and why it was refused although Identity accepts the signature."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

import httpx

from .._auth_service.regions import inference_endpoint
from .._log import OPENAI_PATHS, PRINCIPALS
from .._verdicts import Finding, cause
from .ocids import cut_off_cause, elsewhere_cause, parse_ocid, place_cause, policy_for, with_article
from .run import Run, from_oci, message_of, send

_DEPLOYMENT = re.compile(r"/ocid1\.datasciencemodeldeployment[^/]*/(?:predict|predictWithResponseStream)/v1")
_LIMIT = re.compile(r"max_(?:completion_|output_)?tokens|maxTokens")

# What Generative AI's answers mean: their statuses, words in their messages, and the finding. The first row that fits counts.
_ANSWERS: tuple[tuple[Container[int], str, str], ...] = (
    ({401}, "", "not-subscribed/generative-ai"),
    ({404}, "HTTP 404 Not Found", "wrong-path/unknown"),
    ({400}, "OpenAI-Project", "no-project"),
    ({400, 404}, r"(?i)\bmodels?\b|{model}", "model-unknown"),
    (range(400, 600), "LimitExceeded|QuotaExceeded|service limit", "limit-reached"),
    ({400}, "", "bad-request"),
    ({403, 404}, "", "no-policy"),
    ({429}, "", "throttled/generative-ai"),
)


def call_generative_ai(run: Run) -> Finding | None:
    """Ask for a chat completion of one token, or say why there is none."""
    if not run.compartment and not run.project and run.mode != "generative_ai_api_key":
        run.log("note", "Generative AI", "not called: no compartment or project is given")
        return None
    if run.base_url is None and run.region is None:
        run.log("note", "Generative AI", "not called: no region is known")
        return None
    wrong = place_cause("compartment", run.compartment, ("compartment", "tenancy"))
    wrong = wrong or place_cause("project", run.project, ("generativeaiproject",))
    if wrong:
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
    status, message = answer.status_code, message_of(answer)
    if status in (404, 405) and (wrong := _path_cause(url)):
        return wrong
    if not from_oci(answer):
        return cause("proxy/answers", status=status)
    code = _meaning(status, message, run.model)
    if status in (400, 404) and code not in ("wrong-path/unknown", "no-project") and (wrong := _model_cause(run)):
        return wrong
    if code == "no-policy":
        return _permission_cause(run, url)
    if status == 401 and run.mode == "generative_ai_api_key":
        code = "bearer-key-refused"
    facts = {"status": status, "message": message, "model": run.model, "region": run.region or "this region"}
    path = repr(f"{httpx.URL(url).path}/chat/completions")
    return cause(code, service="Generative AI", path=path, policy=policy_for(run), **facts)


def _meaning(status: int, message: str, model: str) -> str:
    for statuses, words, code in _ANSWERS:
        if status in statuses and re.search(words.format(model=re.escape(model)), message):
            return code
    return "service-down"


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


def _model_cause(run: Run) -> Finding | None:
    """What is wrong with the OCID of a model, as far as it shows it."""
    if elsewhere := elsewhere_cause(run.region, endpoint=run.model):
        return elsewhere
    if (ocid := parse_ocid(run.model)) and ocid["kind"] != "generativeaiendpoint":
        return cause("model-unknown/kind", kind=with_article(ocid["kind"]))
    return None


def _permission_cause(run: Run, url: str) -> Finding:
    """A 403 or 404, with which OCI says that something does not exist or may not be used."""
    if "modeldeployment" in url:
        return cause("deployment-not-found", policy=policy_for(run, "{DATA_SCIENCE_MODEL_DEPLOYMENT_PREDICT}"))
    if elsewhere := elsewhere_cause(run.region, compartment=run.compartment, project=run.project):
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
