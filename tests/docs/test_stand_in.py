"""docs/stand-in.md lists what is served: no more, no less. And the objects of `openai_objects` answer openai's client."""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from endpoints import openai_files, openai_objects

from oci_httpx_auth.testing import FakeOCI, Request
from oci_httpx_auth.testing._exchange import Endpoint, compile_path, echo, route

from .. import standin

if sys.version_info >= (3, 11):
    from re import _compiler as sre_compile
    from re import _parser as sre_parse
else:
    import sre_compile
    import sre_parse

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "stand-in.md").read_text()
ROW = re.compile(r"^\| (`[A-Za-z, ]+ /.*?`) \| (\w+) \|", re.MULTILINE)
CELL = re.compile(r"`([A-Za-z, ]+) (/[^`]*)`")
OWN, ADDED, TESTED = re.split("\n## What the (?:examples|tests) add\n", TEXT)
MODULES = sorted(
    path.stem for path in (ROOT / "examples" / "endpoints").glob("*.py") if "def add_to" in path.read_text()
)
BASES = re.findall("`([^`]+)`", TEXT.partition(" is served below ")[2].partition("\n")[0])
Served = tuple[str, str, str]

KEPT = """
        testing/test_endpoints::test_no_other_path_or_method_is_served
        testing/test_endpoints::test_what_is_incomplete_or_malformed_is_400
        docs/test_stand_in::test_what_openais_client_keeps_at_the_examples_endpoints
        frameworks/test_oracles_clients::test_what_oci_openai_keeps_at_the_examples_endpoints"""
# What each of Oracle's clients is called in the sources of a row, and where a test runs it: in these modules, or as part of its name.
CLIENTS = {
    "SDK": r"campaigns/against_oracle/test_(stand_in|principals)::|sdk",
    "CLI": r"campaigns/against_oracle/test_cli_resolution::",
    "langchain-oci": r"frameworks/test_oracles_clients::\w*langchain_oci",
    "oci-openai": r"frameworks/test_oracles_clients::\w*oci_openai",
    "oci-genai-auth": r"frameworks/test_oracles_clients::\w*oci_genai_auth",
}

# Which tests show what a row says, by the row's first cell. Where a client of Oracle's can run the row, one of them does.
PROOFS = {
    "`GET /opc/v2/instance/region`": """
        testing/test_auth_services::test_metadata_describes_the_instance
        testing/test_auth_services::test_metadata_calls_the_two_oldest_regions_by_their_codes
        testing/test_auth_services::test_metadata_refuses
        campaigns/against_oracle/test_stand_in::test_an_instance_principal_of_the_sdk_gets_its_token""",
    "`GET /opc/v2/instance/regionInfo` | metadata | the region": """
        testing/test_auth_services::test_metadata_describes_the_instance
        testing/test_auth_services::test_a_region_is_of_the_commercial_realm
        campaigns/against_oracle/test_stand_in::test_the_sdk_learns_four_regions_from_the_stand_in_that_is_shipped""",
    "`GET /opc/v2/instance/regionInfo` | metadata | a region of any realm": """
        testing/test_auth_services::test_the_tests_stand_in_knows_every_realm
        campaigns/against_oracle/test_stand_in::test_the_sdk_learns_a_regions_realm_from_metadata""",
    "`GET /opc/v2/instance/id`": """
        testing/test_auth_services::test_metadata_describes_the_instance
        testing/test_auth_services::test_metadata_refuses
        campaigns/against_oracle/test_principals::test_resource_principal_1_1""",
    "`GET /opc/v2/identity/cert.pem`": """
        testing/test_auth_services::test_a_certificate_is_rotated_at_half_its_life
        campaigns/against_oracle/test_stand_in::test_an_instance_principal_of_the_sdk_gets_its_token""",
    "`GET /opc/v2/identity/key.pem`": """
        testing/test_auth_services::test_metadata_describes_the_instance
        campaigns/against_oracle/test_stand_in::test_an_instance_principal_of_the_sdk_gets_its_token""",
    "`GET /opc/v2/identity/intermediate.pem`": """
        testing/test_auth_services::test_metadata_describes_the_instance
        campaigns/against_oracle/test_stand_in::test_an_instance_principal_of_the_sdk_gets_its_token""",
    "`any /opc/v2/{anything else}`": "testing/test_strictness::test_metadata_has_no_other_path",
    "`POST /v1/x509`": """
        testing/test_auth_services::test_a_certificate_is_exchanged_for_a_token
        testing/test_auth_services::test_federation_refuses
        campaigns/against_oracle/test_stand_in::test_an_instance_principal_of_the_sdk_gets_its_token""",
    "`POST /v1/authentication/refresh`": """
        testing/test_auth_services::test_a_session_ends_at_its_limit
        testing/test_auth_services::test_session_refresh_refuses
        testing/test_auth_services::test_a_renewal_may_extend_nothing
        campaigns/against_oracle/test_cli_resolution::test_the_cli_renews_a_session_and_our_signer_uses_it""",
    "`POST /oauth2/v1/token`": """
        testing/test_auth_services::test_a_token_exchange_is_a_form_of_one_kind
        credentials/test_token_exchange::test_the_sdks_own_signer_is_served_as_well""",
    "`POST /resourcePrincipalSessionTokens` | workload_identity | 403": """
        testing/test_auth_services::test_a_basic_cluster_has_no_workload_identity
        campaigns/against_oracle/test_stand_in::test_a_pod_of_the_sdk_gets_no_token_in_a_basic_cluster""",
    "`POST /resourcePrincipalSessionTokens` | workload_identity | over TLS": """
        testing/test_auth_services::test_a_pod_exchanges_its_service_accounts_token
        testing/test_auth_services::test_workload_identity_refuses
        campaigns/against_oracle/test_stand_in::test_a_pod_of_the_sdk_gets_its_token_over_tls""",
    "`GET /20180711/resourcePrincipalToken": """
        testing/test_resource_principals::test_a_resource_with_a_key_pair_signs_with_its_own_key_id
        testing/test_resource_principals::test_a_chain_of_parents_is_climbed_level_by_level
        testing/test_resource_principals::test_a_parent_can_name_itself_as_its_parent
        testing/test_resource_principals::test_a_key_pair_that_nobody_registered_gets_no_token
        credentials/test_resource_principal::test_a_path_may_have_a_place_for_the_resource
        campaigns/against_oracle/test_stand_in::test_a_resource_principal_1_1_of_the_sdk_gets_its_token""",
    "`any /20180711/{anything else}`": """
        testing/test_resource_principals::test_only_the_instance_itself_gets_its_resources_tokens
        testing/test_resource_principals::test_a_resource_with_a_key_pair_signs_with_its_own_key_id""",
    "`POST /v1/resourcePrincipalSessionToken`": """
        testing/test_resource_principals::test_the_second_step_refuses_incomplete_requests
        testing/test_resource_principals::test_the_second_step_refuses_tokens_that_do_not_belong
        campaigns/against_oracle/test_stand_in::test_a_resource_principal_1_1_of_the_sdk_gets_its_token""",
    "`POST /openai/v1/chat/completions`": """
        testing/test_inference::test_a_compartment_or_a_project_must_be_named
        testing/test_strictness::test_a_model_of_no_known_vendor_is_404
        testing/test_strictness::test_coheres_models_are_400_in_any_letter_case
        testing/test_generative_ai::test_a_refusal_is_raised_by_openai_in_ocis_words
        frameworks/test_oracles_clients::test_a_chat_of_oci_openai_is_answered
        frameworks/test_oracles_clients::test_a_refusal_reaches_oci_openai_in_ocis_form""",
    "`POST /openai/v1/responses`": """
        testing/test_strictness::test_a_vendors_model_and_a_dedicated_endpoint_are_served
        testing/test_generative_ai::test_what_is_stored_needs_a_project_or_a_conversation_store
        frameworks/test_oracles_clients::test_responses_of_oci_openai_are_kept
        frameworks/test_oracles_clients::test_a_refusal_reaches_oci_openai_in_ocis_form
        frameworks/test_oracles_clients::test_what_is_stored_needs_a_conversation_store
        frameworks/test_oracles_clients::test_langchain_oci_stores_in_a_conversation_store""",
    "`GET, DELETE /openai/v1/responses/{id}`": """
        testing/test_strictness::test_there_are_no_paths_but_the_documented_ones
        testing/test_strictness::test_what_is_kept_belongs_to_the_place_that_made_it
        frameworks/test_oracles_clients::test_responses_of_oci_openai_are_kept""",
    "`GET /openai/v1/responses/{id}/input_items`": """
        testing/test_strictness::test_there_are_no_paths_but_the_documented_ones
        testing/test_responses::test_items_are_listed_in_pages_and_the_newest_first
        testing/test_responses::test_openais_client_turns_the_pages
        frameworks/test_oracles_clients::test_responses_of_oci_openai_are_kept""",
    "`POST /openai/v1/responses/{id}/cancel`": """
        testing/test_strictness::test_there_are_no_paths_but_the_documented_ones
        testing/test_responses::test_a_response_in_the_background_can_be_cancelled_and_none_put
        frameworks/test_oracles_clients::test_a_response_of_oci_openai_can_be_cancelled""",
    "`POST /openai/v1/conversations`": """
        testing/test_generative_ai::test_what_is_stored_needs_a_project_or_a_conversation_store
        frameworks/test_oracles_clients::test_a_conversation_of_oci_openai_is_kept""",
    "`GET, POST, DELETE /openai/v1/conversations/{id}`": """
        testing/test_strictness::test_there_are_no_paths_but_the_documented_ones
        testing/test_strictness::test_what_is_kept_belongs_to_the_place_that_made_it
        frameworks/test_oracles_clients::test_a_conversation_of_oci_openai_is_kept
        frameworks/test_oracles_clients::test_items_and_metadata_of_oci_openai_are_kept""",
    "`GET, POST /openai/v1/conversations/{id}/items`": """
        testing/test_strictness::test_there_are_no_paths_but_the_documented_ones
        testing/test_responses::test_items_are_listed_in_pages_and_the_newest_first
        testing/test_responses::test_openais_client_turns_the_pages
        testing/test_responses::test_a_conversation_takes_items_and_gives_them_back
        frameworks/test_oracles_clients::test_items_and_metadata_of_oci_openai_are_kept
        frameworks/test_oracles_clients::test_a_conversation_of_oci_openai_is_kept""",
    "`GET, DELETE /openai/v1/conversations/{id}/items/{id}`": """
        testing/test_strictness::test_there_are_no_paths_but_the_documented_ones
        testing/test_responses::test_a_conversation_remembers_its_items
        frameworks/test_oracles_clients::test_items_and_metadata_of_oci_openai_are_kept""",
    "`any /openai/v1/{anything else}`": """
        testing/test_inference::test_an_unknown_path_is_404_in_ocis_form
        frameworks/test_oracles_clients::test_a_refusal_reaches_oci_openai_in_ocis_form""",
    "`POST /ocid1.datasciencemodeldeployment.oc{n}.{region}.{id}/predict/v1/chat": """
        testing/test_inference::test_a_compartment_or_a_project_must_be_named
        testing/test_strictness::test_a_model_deployment_takes_any_name
        frameworks/test_oracles_clients::test_a_chat_of_oci_openai_with_a_model_deployment""",
    "`GET /20160918/regions`": """
        testing/test_auth_services::test_regions_are_listed
        campaigns/against_oracle/test_stand_in::test_the_sdks_clients_work_with_it""",
    "any other path of OCI's form": """
        testing/test_exchange::test_a_path_of_ocis_form_is_404
        campaigns/against_oracle/test_stand_in::test_the_sdk_finds_nothing_that_is_not_served""",
    "`any /{anything else}`": """
        testing/test_verify::test_a_request_signed_by_the_rules_is_accepted
        campaigns/against_oracle/test_stand_in::test_the_sdks_api_key_signer_is_accepted_for_each_method""",
    "An error's `code`": """
        testing/test_strictness::test_the_code_is_the_status_as_a_text
        testing/test_generative_ai::test_a_refusal_is_raised_by_openai_in_ocis_words
        frameworks/test_oracles_clients::test_an_unknown_key_is_refused_to_oci_openai""",
    "A parameter's 400": """
        testing/test_endpoints::test_what_is_incomplete_or_malformed_is_400
        testing/test_generative_ai::test_a_refusal_is_raised_by_openai_in_ocis_words
        frameworks/test_oracles_clients::test_langchain_oci_reads_either_form_of_a_parameters_400""",
    "A 400 may be": """
        testing/test_generative_ai::test_a_refusal_is_raised_by_openai_in_ocis_words
        frameworks/test_oracles_clients::test_langchain_oci_reads_either_form_of_a_parameters_400""",
    "To a client that accepts zstd": """
        testing/test_wire::test_the_stand_ins_frames_are_zstd
        frameworks/test_oracles_clients::test_a_zstd_stream_breaks_off_as_users_of_oci_openai_report""",
    "A Generative AI API key": """
        testing/test_strictness::test_an_api_key_needs_no_compartment_but_what_is_stored_needs_its_place
        testing/test_strictness::test_an_api_key_is_not_taken_by_a_model_deployment
        testing/test_strictness::test_an_api_key_is_the_only_credential
        frameworks/test_oracles_clients::test_an_api_key_by_oci_genai_auth""",
    "A delegation token": """
        testing/test_verify::test_only_a_delegation_token_delegates
        credentials/test_sdk::test_a_delegation_token_is_sent_and_signed""",
    "A model is": """
        testing/test_strictness::test_a_model_of_no_known_vendor_is_404
        testing/test_strictness::test_a_vendors_model_and_a_dedicated_endpoint_are_served
        frameworks/test_oracles_clients::test_a_model_of_oci_openai_has_a_vendor_or_is_an_endpoint""",
    "A compartment is": """
        testing/test_endpoints::test_an_added_path_needs_a_compartment_that_is_one
        testing/test_strictness::test_a_compartment_is_an_ocid
        frameworks/test_oracles_clients::test_a_compartment_of_oci_openai_is_an_ocid""",
    "A message has": """
        testing/test_strictness::test_a_message_has_a_role_and_content
        frameworks/test_oracles_clients::test_a_message_of_oci_openai_has_a_role_and_content""",
    "A body that OpenAI's API": """
        frameworks/test_oracles_clients::test_a_body_of_oci_openai_may_be_refused
        testing/test_strictness::test_a_body_that_openais_api_refuses_is_refused
        testing/test_strictness::test_a_body_that_openais_api_accepts_is_accepted""",
    "A schema that nothing fits": """
        testing/test_model::test_a_schema_that_no_finite_answer_fits_is_refused
        testing/test_model::test_a_schema_that_is_too_much_is_refused""",
    "The words of": """
        testing/test_strictness::test_a_body_that_openais_api_refuses_is_refused
        testing/test_inference::test_an_unknown_path_is_404_in_ocis_form""",
    "No other parameter": "testing/test_strictness::test_other_parameters_are_not_validated",
    "Any compartment, project": """
        testing/test_strictness::test_any_place_and_any_name_of_a_vendor_is_accepted
        frameworks/test_oracles_clients::test_a_compartment_of_oci_openai_is_an_ocid
        frameworks/test_oracles_clients::test_a_model_of_oci_openai_has_a_vendor_or_is_an_endpoint""",
    "`FakeOCI(lenient=True)`": "testing/test_generative_ai::test_a_lenient_stand_in_takes_any_model_and_compartment_and_needs_no_project",
    "Errors inside a stream": "",  # no behaviour
    "`POST /20231130/actions/chat`": """
        testing/test_endpoints::test_an_incomplete_native_chat_is_refused
        campaigns/against_oracle/test_stand_in::test_what_a_native_request_may_be_is_what_the_sdk_says
        campaigns/against_oracle/test_stand_in::test_a_native_stream_is_read_by_the_sdk
        campaigns/against_oracle/test_stand_in::test_the_sdk_reads_a_missing_message
        frameworks/test_oracles_clients::test_langchain_oci_chats_natively
        frameworks/test_oracles_clients::test_langchain_oci_reads_usage_if_it_asks_for_it
        frameworks/test_oracles_clients::test_langchain_oci_calls_tools
        frameworks/test_frameworks::test_litellm_takes_our_signer_as_its_own
        frameworks/test_frameworks::test_litellm_breaks_on_an_empty_frame
        docs/test_native_chat::test_coheres_frames_that_have_the_text_once_more_can_be_told_apart
        testing/test_endpoints::test_a_native_chat_calls_tools_in_coheres_form""",
    "`POST /anthropic/v1/messages`": "testing/test_endpoints::test_messages_are_answered_in_anthropics_form",
    "`POST /google/v1": """
        testing/test_endpoints::test_content_is_generated_in_googles_form
        testing/test_endpoints::test_google_serves_its_own_models
        testing/test_endpoints::test_each_version_of_googles_api_has_its_path""",
    "`GET /openai/v1/responses`, `GET /openai/v1/realtime`": "testing/test_endpoints::test_a_websocket_handshake_is_verified_accepted_and_closed",
    "`POST /ocid1.datasciencemodeldeployment.oc{n}.{region}.{id}/predict/v1/embeddings`": """
        testing/test_endpoints::test_embeddings_are_a_model_deployments
        frameworks/test_oracles_clients::test_a_model_deployments_embeddings_by_oci_openai""",
    "`GET, POST /openai/v1/files`": """
        testing/test_endpoints::test_a_file_is_uploaded_byte_for_byte
        testing/test_endpoints::test_no_other_path_or_method_is_served
        frameworks/test_oracles_clients::test_what_oci_openai_keeps_at_the_examples_endpoints""",
    "`GET, POST /openai/v1/batches`": KEPT,
    "`GET, POST /20231130/openai/v1/vector_stores`": f"{KEPT} testing/test_endpoints::test_an_added_path_needs_a_compartment_that_is_one",
    "`GET, POST /openai/v1/vector_stores/{id}/files`": KEPT,
    "`GET, POST /openai/v1/containers`": KEPT,
    "`POST /openai/v1/images/generations`": KEPT,
    "`GET /n[/]`": """
        testing/test_endpoints::test_objects_are_kept
        campaigns/against_oracle/test_stand_in::test_the_sdks_clients_work_with_it""",
    "`GET /n/{namespace}/b[/]`": """
        testing/test_endpoints::test_buckets_are_those_of_a_compartment
        testing/test_endpoints::test_objects_are_listed_from_where_the_last_list_ended
        campaigns/against_oracle/test_stand_in::test_the_sdk_reads_every_page_and_every_head""",
    "`GET, HEAD /n/{namespace}/b/{bucket}[/]`": """
        testing/test_endpoints::test_buckets_are_those_of_a_compartment
        campaigns/against_oracle/test_stand_in::test_the_sdk_reads_every_page_and_every_head""",
    "`GET /n/{namespace}/b/{bucket}/o[/]`": """
        testing/test_endpoints::test_objects_are_listed_from_where_the_last_list_ended
        campaigns/against_oracle/test_stand_in::test_the_sdk_reads_every_page_and_every_head""",
    "`GET, HEAD, DELETE /n/{namespace}/b/{bucket}/o/{any object}`": """
        testing/test_endpoints::test_objects_are_kept
        campaigns/against_oracle/test_stand_in::test_the_sdk_reads_every_page_and_every_head""",
    "`PUT /n/": """
        testing/test_endpoints::test_objects_are_kept
        campaigns/against_oracle/test_stand_in::test_the_sdks_clients_work_with_it""",
    "`GET /20160918/compartments[/]`": """
        testing/test_endpoints::test_compartments_are_listed_page_by_page
        campaigns/against_oracle/test_stand_in::test_the_sdk_reads_every_page_and_every_head""",
}


def expanded(parsed: Any) -> set[str]:
    """The paths of a parsed pattern: one for each alternative, with `{}` for any text without a slash, `{*}` for any at all."""
    found = {""}
    for operation, value in parsed:
        ends = alternatives(str(operation), value)
        found = {start + end for start in found for end in ends}
    return found


def alternatives(operation: str, value: Any) -> set[str]:
    if operation == "LITERAL":
        return {chr(value)}
    if operation == "IN" and all(str(kind) == "LITERAL" for kind, _ in value):
        return {chr(each) for _, each in value}
    if operation == "BRANCH":
        return set().union(*map(expanded, value[1]))
    if operation == "SUBPATTERN":
        return expanded(value[-1])
    if operation == "MAX_REPEAT":
        _, most, repeated = value
        if most == 1:
            return {""} | expanded(repeated)
        if repeated.getwidth() == (1, 1):
            return {"{*}" if sre_compile.compile(repeated).fullmatch("/") else "{}"}
    raise ValueError(f"an endpoint's pattern is none that the table can list: {operation} {value}")


def paths_of(endpoint: Endpoint) -> set[str]:
    pattern = endpoint.pattern
    return {"", "/{*}"} if pattern.pattern == ".*" else expanded(sre_parse.parse(pattern.pattern, pattern.flags))


def served(endpoints: list[Endpoint], name: str = "") -> set[Served]:
    """Each method of each path, and its service, or the name of the module that added it."""
    return {
        (name or endpoint.service, method, path)
        for endpoint in endpoints
        for method in endpoint.methods or ["any"]
        for path in paths_of(endpoint)
    }


def listed(table: str, bases: list[str]) -> set[Served]:
    """The same, as a table's rows have it, where `/openai/v1` stands for each base path."""
    found = set()
    for cell, name in ROW.findall(table):
        for methods, path in CELL.findall(cell):
            template = re.sub(r"\{(any)?[^}]*\}", lambda match: "{*}" if match[1] else "{}", path)
            paths = {template.replace("[/]", ""), template.replace("[/]", "/")}
            if path.endswith("/{anything else}"):
                paths.add(template.removesuffix("/{*}"))
            for method in methods.split(", "):
                found |= {(name, method, each.replace("/openai/v1", base, 1)) for each in paths for base in bases}
    return found


def added_by(module: str) -> list[Endpoint]:
    oci = FakeOCI()
    before = len(oci._endpoints)
    importlib.import_module(f"endpoints.{module}").add_to(oci)
    return oci._endpoints[: len(oci._endpoints) - before]


def source_of(proof: str) -> str:
    """The source of a test, with its decorators, and of what it uses of its module."""
    module, _, name = proof.partition("::")
    text = (ROOT / "tests" / f"{module}.py").read_text()
    parts = {}
    for node in ast.parse(text).body:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        part = "\n".join(text.splitlines()[first - 1 : node.end_lineno])
        for target in [node, *getattr(node, "targets", [])]:
            parts[getattr(target, "name", getattr(target, "id", None))] = part
    used, found = [name], {}
    while used:
        each = used.pop()
        if each in parts and each not in found:
            found[each] = parts[each]
            used += re.findall(r"\w+", parts[each])
    return "\n".join(found.values())


@pytest.mark.parametrize("beginning", [each for each in PROOFS if "/" in each and "{anything else}" not in each])
def test_each_path_is_named_in_its_proofs(beginning: str) -> None:
    """By the last of its parts that is fixed, as a path has it or a client's method."""
    proofs = "\n".join(map(source_of, PROOFS[beginning].split()))
    row = beginning.partition(" | ")[0]
    (cell,) = {cell for cell, _ in ROW.findall(TEXT) if cell.startswith(row)}
    for _, path in CELL.findall(cell):
        last = re.findall(r"[^/:{}\[\]]+", re.sub(r"\{[^}]*\}", "", path))[-1]
        assert re.search(rf"\b{last}\b", proofs), path


def test_each_row_has_a_test() -> None:
    """By Oracle's own software where the source is Oracle's software; and no test is named that is not there."""
    rows = [
        line
        for line in TEXT.splitlines()
        if line.startswith("| ") and not re.match(r"\| (---|endpoint|behaviour)", line)
    ]
    proved = set()
    for line in rows:
        (beginning,) = (start for start in PROOFS if line.startswith(f"| {start}"))
        proved.add(beginning)
        source = line.rsplit(" | ", 1)[1].removesuffix(" |")
        assert source.strip(), line
        for name, run in CLIENTS.items():
            assert not re.search(rf"\b{name}\b", source) or re.search(run, PROOFS[beginning]), (name, line)
        if " | inference | " in line:
            assert re.search(CLIENTS["oci-openai"], PROOFS[beginning]), line
    assert proved == set(PROOFS)
    for proof in " ".join(PROOFS.values()).split():
        module, _, name = proof.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / f"{module}.py").read_text(), proof


def test_the_stand_in_serves_what_the_table_lists() -> None:
    """Each method of each path, below every base path: nothing else, and nothing less."""
    assert served(FakeOCI()._endpoints) == listed(OWN, BASES)


def test_the_examples_serve_what_the_table_lists() -> None:
    """As above, for the endpoints that each module adds."""
    assert set().union(*(served(added_by(module), module) for module in MODULES)) == listed(ADDED, ["/openai/v1"])


def test_the_tests_serve_what_the_table_lists() -> None:
    """As above, for what `tests/standin.py` adds."""
    endpoints = standin.FakeOCI()._endpoints
    assert served(endpoints[: len(endpoints) - len(FakeOCI()._endpoints)]) == listed(TESTED, ["/openai/v1"])


@pytest.mark.parametrize("module", ["", "standin", *MODULES])
def test_each_listed_path_is_reached(module: str) -> None:
    """No endpoint before it takes its requests."""
    oci = standin.FakeOCI() if module == "standin" else FakeOCI()
    if module in MODULES:
        importlib.import_module(f"endpoints.{module}").add_to(oci)
    table = listed(OWN, BASES) | (listed(TESTED, BASES) if module == "standin" else set())
    for _, method, path in table | {row for row in listed(ADDED, ["/openai/v1"]) if row[0] == module}:
        reached = route(oci._endpoints, Request(method, re.sub(r"\{\*?\}", "1", path), (), b""))
        assert path in paths_of(reached), path
        assert method in reached.methods or not reached.methods, path


@pytest.mark.parametrize(
    ("service", "method", "pattern", "unlisted"),
    [
        ("metadata", "GET", "/opc/v2/instance/(?:id|hostname)", "/opc/v2/instance/hostname"),
        ("federation", "POST", "/v1/(?:x509|oauth2/scoped)", "/v1/oauth2/scoped"),
        ("identity", "GET", "/20160918/(?:regions|tenancies)", "/20160918/tenancies"),
        ("identity", "POST", "/20160918/regions", "/20160918/regions"),
        ("inference", "POST", "/openai/v1/(?:chat/)?completions", "/openai/v1/completions"),
        ("inference", "GET", "/openai/v1/resp(?:onses)?/[^/]+", "/openai/v1/resp/{}"),
        ("inference", "GET", "/openai/v1/responses/.+", "/openai/v1/responses/{*}"),
        ("inference", "POST", "/openai/v[12]/responses", "/openai/v2/responses"),
        ("inference", "POST", r"/ocid1\.datasciencemodeldeployment[^/]*/predict/v1/chat/completions",
         "/ocid1.datasciencemodeldeployment{}/predict/v1/chat/completions"),
        ("openai_objects", "POST", "/openai/v1/audio/trans(?:crip|la)tions", "/openai/v1/audio/translations"),
        ("openai_objects", "POST", "/openai/v1/images/(?:generations|edits)", "/openai/v1/images/edits"),
    ],
)  # fmt: skip
def test_a_path_that_is_not_listed_is_named(service: str, method: str, pattern: str, unlisted: str) -> None:
    """It is the whole difference, whatever else its pattern matches. Without an endpoint, what was listed is named."""
    endpoint = Endpoint(service, compile_path(pattern), [method], echo)
    own = served(FakeOCI()._endpoints) | set().union(*(served(added_by(module), module) for module in MODULES))
    table = listed(OWN, BASES) | listed(ADDED, ["/openai/v1"])
    assert served([endpoint]) - table == {(service, method, unlisted)}
    assert own | served([endpoint]) != table == own
    assert table - (own - {next(iter(own))})


@pytest.mark.parametrize("pattern", ["/things/(?!x)", "^/things", "/things/(?:a/)*b", "/things/x*?"])
def test_a_pattern_that_cannot_be_listed_is_an_error(pattern: str) -> None:
    """Its paths are not a few that a table could name."""
    with pytest.raises(ValueError, match="none that the table can list"):
        served([Endpoint("echo", compile_path(pattern), ["GET"], echo)])


def test_what_openais_client_keeps_at_the_examples_endpoints(tmp_path: Path) -> None:
    """Batches, vector stores, containers and their files, images and audio: made, listed, read, deleted."""
    factories = pytest.importorskip("oci_httpx_auth.openai")
    with FakeOCI() as oci:
        openai_files.add_to(oci)
        openai_objects.add_to(oci)
        options = {"config_file": oci.write_config(tmp_path), "compartment_id": oci.compartment}
        with (
            factories.create_openai(**options, base_url=oci.openai_url, project_id="p") as client,
            factories.create_openai(**options, base_url=f"{oci.url}/20231130/openai/v1") as control,
        ):
            batch = client.batches.create(
                input_file_id="file_x", endpoint="/v1/chat/completions", completion_window="24h"
            )
            assert [each.id for each in client.batches.list()] == [batch.id]
            assert client.batches.cancel(batch.id).status == "cancelled"
            store = control.vector_stores.create(name="papers")
            assert control.vector_stores.update(store.id, name="letters").name == "letters"
            assert [each.name for each in control.vector_stores.list()] == ["letters"]
            member = client.vector_stores.files.create(store.id, file_id="file_x")
            assert [each.id for each in client.vector_stores.files.list(store.id)] == [member.id] == ["file_x"]
            assert client.vector_stores.files.retrieve("file_x", vector_store_id=store.id).status == "completed"
            assert client.vector_stores.files.delete("file_x", vector_store_id=store.id).deleted
            assert control.vector_stores.retrieve(store.id).name == "letters"
            assert control.vector_stores.delete(store.id).deleted
            container = client.containers.create(name="box")
            file = client.containers.files.create(container.id, file=io.BytesIO(b"content"))
            assert [each.name for each in client.containers.list()] == ["box"]
            assert [each.id for each in client.containers.files.list(container.id)] == [file.id]
            assert client.containers.files.retrieve(file.id, container_id=container.id).bytes == 7
            assert client.containers.files.content.retrieve(file.id, container_id=container.id).read() == b"content"
            client.containers.files.delete(file.id, container_id=container.id)
            assert not list(client.containers.files.list(container.id))
            client.containers.delete(container.id)
            assert client.images.generate(prompt="a fish", model="openai.gpt-image-1").data[0].b64_json
            assert oci.records[-1].target == "/openai/v1/images/generations"
            assert client.audio.speech.create(input="hi", model="openai.tts", voice="v").read() == b"sound of hi"
            heard: Any = client.audio.transcriptions.create(file=io.BytesIO(b"hi"), model="openai.whisper")
            assert heard.text == "hi"
            for refused in (
                lambda: client.batches.retrieve("batch_x"),
                lambda: client.images.edit(image=b"", prompt=""),
                lambda: client.vector_stores.create(name="papers"),
                lambda: client.vector_stores.files.list(store.id),
                lambda: client.containers.retrieve(container.id),
            ):
                with pytest.raises(Exception, match="404"):
                    refused()
        assert all(record.signed for record in oci.records)
