"""langchain-oci, Oracle's own: ChatOCIOpenAI with this signer in place of oci-openai's; sync and async, streamed.

python examples/frameworks/with_langchain_oci.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from _common import OCI, oci
from langchain_oci import ChatOCIOpenAI


def options(place: OCI) -> dict[str, Any]:
    return {
        "auth": place.signer,
        "compartment_id": place.compartment,
        "service_endpoint": place.url,
        "model": place.model,
        "conversation_store_id": "ocid1.generativeaiconversationstore.oc1..example",
    }


async def asynchronous(llm: ChatOCIOpenAI) -> None:
    print("ainvoke:", (await llm.ainvoke("Say hello.")).text)
    print("astream:", "".join([chunk.text async for chunk in llm.astream("Say hello.")]))


def main() -> None:
    with oci() as place:
        llm = ChatOCIOpenAI(**options(place))
        print("invoke:", llm.invoke("Say hello.").text)
        print("stream:", "".join(chunk.text for chunk in llm.stream("Say hello.")))
        asyncio.run(asynchronous(llm))


if __name__ == "__main__":
    main()
