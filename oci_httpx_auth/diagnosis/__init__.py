"""`check`: would OCI accept a call from here, and if not, why not?"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable

import httpx

from .._auth_service.regions import is_known, region_domain, region_id
from .._credential import CredentialProvider
from .._errors import ConfigError
from .._signer import OCISigner
from .._verdicts import Finding
from ..credentials._config import env_value
from .credential import fetch_credential
from .generative_ai import call_generative_ai
from .identity import call_identity
from .network import describe_proxies, first_sentence_cause
from .run import Failed, Line, Report, Run
from .source import choose_provider
from .verdicts import cause

__all__ = ["DEFAULT_MODEL", "Finding", "Line", "Report", "check"]

DEFAULT_MODEL = "openai.gpt-oss-20b"


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
        auth=auth,
        profile_name=profile,
        config_file=config_file,
        region=region,
        compartment=compartment_id or env_value(("OCI_COMPARTMENT_ID",)),
        project=project_id or env_value(("OCI_PROJECT_ID", "OCI_GENAI_PROJECT_ID")),
        model=model,
        endpoint=endpoint,
        base_url=base_url or env_value(("OCI_GENAI_BASE_URL",)),
        listener=listener or (lambda _: None),
    )
    try:
        describe_proxies(run)
        key = env_value(("OCI_GENAI_API_KEY",))
        if key and not (credentials or auth or profile or config_file or env_value(("OCI_CLI_AUTH",))):
            _check_bearer_call(run, key)
        else:
            _check_signed_calls(run, credentials)
    except Failed as failed:
        run.add(failed.finding)
    except Exception as error:  # a report that is cut short is better than none
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(where.filename)}, line {where.lineno}"
        run.add(cause("internal", kind=type(error).__name__, place=place))
    return run.report()


def _check_bearer_call(run: Run, key: str) -> None:
    def add_key(request: httpx.Request) -> httpx.Request:
        request.headers["authorization"] = f"Bearer {key}"
        return request

    run.signer = add_key
    run.log("ok", "source", "a Generative AI API key, from OCI_GENAI_API_KEY; requests are not signed")
    if not run.base_url:
        _find_region(run)
        if run.region is None:
            raise Failed(cause("region-unknown"))
    call_generative_ai(run)


def _check_signed_calls(run: Run, credentials: CredentialProvider | None) -> None:
    if credentials is not None:
        run.log("ok", "source", f"{getattr(credentials, 'mode', 'custom')}, as given: {credentials!r}")
    run.provider = credentials or choose_provider(run)
    run.signer = signer = OCISigner(run.provider, clock=run.clock)
    fetch_credential(run, signer)
    run.mode, run.tenancy, run.source_region = signer.mode, signer.tenancy, signer.region
    _find_region(run)
    call_identity(run)
    run.compartment = run.compartment or signer.compartment
    run.project = run.project or signer.project
    if not run.compartment and not run.project:
        run.log("note", "Generative AI", "not called: no compartment or project is given")
    elif run.base_url is None and run.region is None:
        run.log("note", "Generative AI", "not called: no region is known")
    else:
        call_generative_ai(run)


def _find_region(run: Run) -> None:
    """The region that calls go to, `None` if it is unknown and Identity's endpoint is given. Raises `Failed`."""
    variables = ("OCI_GENAI_REGION", "OCI_CLI_REGION", "OCI_REGION")
    variable = next((name for name in variables if env_value((name,))), "")
    origin = "as given" if run.region else variable or "of the source"
    name = run.region or env_value((variable,)) or run.source_region
    if name is None:
        if run.endpoint is None:
            raise Failed(cause("region-unknown/resource" if run.mode == "resource_principal" else "region-unknown"))
        return
    try:
        run.region = name = region_id(name)
        domain = region_domain(name)
    except (ValueError, ConfigError) as error:
        raise Failed(first_sentence_cause("not-a-region", error)) from None
    if is_known(name):
        run.log("ok", "region", f"{name} ({origin}), domain {domain}")
    else:
        run.log("warning", "region", f"{name} ({origin}) is unknown; its domain, {domain}, is a guess")
        run.add(cause("region-unknown/guess", region=name, domain=domain))
