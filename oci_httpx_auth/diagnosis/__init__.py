"""`check`: would OCI accept a call from here, and if not, why not?"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable

import httpx

from .._auth_service.regions import is_known, region_domain, region_id
from .._causes import error_cause
from .._credential import CredentialProvider
from .._errors import ConfigError
from .._verdicts import Finding, cause
from ..credentials._config import GENERATIVE_AI, env_value, generative_ai_key
from .credential import fetch_credential
from .generative_ai import call_generative_ai
from .identity import call_identity
from .report import Line, Report
from .run import Run, describe_proxies
from .source import choose_source

__all__ = ["DEFAULT_MODEL", "Finding", "Line", "Report", "check"]

DEFAULT_MODEL = "openai.gpt-oss-20b"  # smaller than that of agents: it is asked for one token


def check(
    credentials: CredentialProvider | None = None,
    *,
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    region: str | None = None,
    compartment_id: str | None = None,
    project_id: str | None = None,
    model: str = DEFAULT_MODEL,
    endpoint: str | None = None,
    base_url: str | None = None,
    clock: Callable[[], float] = time.time,
    listener: Callable[[Line | str], object] | None = None,
) -> Report:
    """Examine everything a signed call needs, and make one; with a compartment or project, also one to Generative AI.

    credentials, auth, profile, config_file: as for `OCISigner`. region, compartment_id, project_id: as for `create_openai`,
    with the same variables. The call to Generative AI is a chat completion of one token, by this model.
    endpoint, base_url: of Identity and of Generative AI, instead of the region's.
    listener: called with each line of the report at once, and with a text that says what is being waited for.

    No step waits longer than 5 seconds. Nothing that is wrong raises an error: the report says it. The report contains no
    key, token or passphrase, but OCIDs in full.
    """
    run = Run(
        clock=clock,
        provider=credentials,
        auth=auth,
        profile_name=profile,
        config_file=config_file,
        region=region,
        compartment=compartment_id or env_value(GENERATIVE_AI["compartment_id"]),
        project=project_id or env_value(GENERATIVE_AI["project_id"]),
        model=model,
        endpoint=endpoint,
        base_url=base_url or env_value(GENERATIVE_AI["base_url"]),
        listener=listener or (lambda _: None),
    )
    # Each step adds to the report; the finding that one returns ends the run.
    steps = [choose_source, fetch_credential, find_region, call_identity, call_generative_ai]
    if generative_ai_key(credentials, auth, profile, config_file) is not None:
        steps = [use_bearer_key, *([] if run.base_url else [find_region]), call_generative_ai]
    try:
        describe_proxies(run)
        for step in steps:
            if (failure := step(run)) is not None:
                run.findings.append(failure)
                break
    except Exception as error:  # a report that is cut short is better than none
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(where.filename)}, line {where.lineno}"
        run.findings.append(cause("internal", kind=type(error).__name__, place=place))
    return run.report()


def use_bearer_key(run: Run) -> Finding | None:
    """Have requests carry the Generative AI API key of the environment. Identity does not accept it."""

    def add_key(request: httpx.Request) -> httpx.Request:
        request.headers["authorization"] = f"Bearer {generative_ai_key()}"
        return request

    run.signer, run.mode, run.endpoint = add_key, "generative_ai_api_key", None
    run.log("ok", "source", "a Generative AI API key, from OCI_GENAI_API_KEY; requests are not signed")
    return None


def find_region(run: Run) -> Finding | None:
    """Find the region that calls go to, or say why there is none. It may be unknown if Identity's endpoint is given."""
    variable = next((name for name in GENERATIVE_AI["region"] if env_value((name,))), "")
    origin = "as given" if run.region else variable or "of the source"
    name = run.region or env_value((variable,)) or run.source_region
    if name is None:
        return None if run.endpoint else cause("region-unknown")
    try:
        run.region = name = region_id(name)
        domain = region_domain(name)
    except (ValueError, ConfigError) as error:
        return error_cause(error, "not-a-region")
    if is_known(name):
        run.log("ok", "region", f"{name} ({origin}), domain {domain}")
    else:
        run.log("warning", "region", f"{name} ({origin}) is unknown; its domain, {domain}, is a guess")
        run.findings.append(cause("region-unknown/guess", region=name, domain=domain))
    return None
