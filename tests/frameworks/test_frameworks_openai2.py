"""As `test_frameworks`, for the frameworks that hold openai below 3, and smolagents, which takes either."""

from __future__ import annotations

import asyncio

import pytest

from oci_httpx_auth import OCISigner
from oci_httpx_auth.openai import PLACEHOLDER_API_KEY, create_openai

from ..examples import run_example
from ..standin import FakeOCI
from .support import HELLO, UNSIGNED, load, need, only_one_signs

# What the frameworks warn of, and leave open, is theirs.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODEL = "openai.gpt-oss-120b"


@pytest.fixture(autouse=True)
def no_price_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """litellm would fetch it from the network when it is imported."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")


@pytest.mark.parametrize(
    ("name", "needs", "requests", "printed"),
    [
        (
            "llama_index",
            ["llama-index-llms-openai-like"],
            4,
            [f"{mode}{line}" for mode in ("", "async ") for line in (f"chat: {HELLO}", f"stream: {HELLO}")],
        ),
        (
            "litellm",
            ["litellm"],
            6,
            [f"{mode}{kind}: {HELLO}" for mode in ("", "async ") for kind in ("completion", "stream", "responses")],
        ),
        ("smolagents", ["smolagents"], 4, [f"model: {HELLO}", f"stream: {HELLO}", "agent: 21 degrees"]),
    ],
)
def test_every_request_of_an_example_is_signed(name: str, needs: list[str], requests: int, printed: list[str]) -> None:
    """It prints what it should, and the server has verified as many requests as it makes, and no others."""
    need(*needs)
    lines = run_example(f"frameworks/with_{name}.py").splitlines()
    assert lines == [*printed, f"the server verified {requests} of {requests} requests"]


def test_litellm_responses_with_an_openai_client_go_out_unsigned(oci: FakeOCI, signer: OCISigner) -> None:
    """`completion` takes the client, `responses` takes no notice of it."""
    need("litellm")
    litellm = load("litellm")
    with create_openai(signer=signer, base_url=oci.openai_url, compartment_id=oci.compartment) as client:
        answer = litellm.completion(
            model=f"openai/{MODEL}", messages=[{"role": "user", "content": "Say hello."}], client=client
        )
        assert answer.choices[0].message.content == HELLO
        with pytest.raises(litellm.AuthenticationError):
            litellm.responses(
                model=f"openai/{MODEL}",
                input="Say hello.",
                api_base=oci.openai_url,
                api_key=PLACEHOLDER_API_KEY,
                client=client,
                num_retries=0,
            )
    assert [record.signed for record in oci.records] == [True] + [False] * (len(oci.records) - 1)
    assert oci.records[-1].reason.startswith(UNSIGNED)
    assert oci.records[-1].header("authorization") == f"Bearer {PLACEHOLDER_API_KEY}"


@pytest.mark.parametrize("given", ["http_client", "async_http_client"])
def test_llama_index_with_one_client_leaves_the_other_kind_unsigned(
    oci: FakeOCI, signer: OCISigner, given: str
) -> None:
    """Which is refused."""
    need("llama-index-llms-openai-like")
    import openai

    clients = {
        "http_client": openai.DefaultHttpxClient(auth=signer, follow_redirects=False),
        "async_http_client": openai.DefaultAsyncHttpxClient(auth=signer, follow_redirects=False),
    }
    llm = load("llama_index.llms.openai_like").OpenAILike(
        model=MODEL,
        api_base=oci.openai_url,
        api_key=PLACEHOLDER_API_KEY,
        is_chat_model=True,
        default_headers={"opc-compartment-id": oci.compartment},
        max_retries=0,
        **{given: clients[given]},
    )

    async def acomplete() -> str:
        return (await llm.acomplete("Say hello.")).text

    calls = [lambda: llm.complete("Say hello.").text, lambda: asyncio.run(acomplete())]
    only_one_signs(oci, *(calls if given == "http_client" else reversed(calls)))


def test_llama_index_without_reuse_closes_the_client_that_signs(oci: FakeOCI, signer: OCISigner) -> None:
    """The second call fails, and sends nothing."""
    need("llama-index-llms-openai-like")
    import openai

    llm = load("llama_index.llms.openai_like").OpenAILike(
        model=MODEL,
        api_base=oci.openai_url,
        api_key=PLACEHOLDER_API_KEY,
        is_chat_model=True,
        default_headers={"opc-compartment-id": oci.compartment},
        max_retries=0,
        reuse_client=False,
        http_client=openai.DefaultHttpxClient(auth=signer, follow_redirects=False),
    )
    assert llm.complete("Say hello.").text == HELLO
    with pytest.raises(openai.APIConnectionError):
        llm.complete("Say hello.")
    assert [record.signed for record in oci.records] == [True]
