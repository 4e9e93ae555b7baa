"""httpx itself, on OCI's other services: Object Storage and Identity, whose lists come in pages.

python examples/frameworks/with_httpx.py
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import httpx
from _common import OCI, oci
from endpoints import identity as identity_endpoint
from endpoints import object_storage

BUCKETS = ("letters", "notes", "photos")  # of the stand-in


def every(client: httpx.Client, url: str, **query: Any) -> Iterator[dict[str, Any]]:
    """The items of all pages of a list."""
    while True:
        response = client.get(url, params=query)
        response.raise_for_status()
        yield from response.json()
        if "opc-next-page" not in response.headers:
            return
        query["page"] = response.headers["opc-next-page"]


async def aevery(client: httpx.AsyncClient, url: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
    """The same for an asynchronous client."""
    while True:
        response = await client.get(url, params=query)
        response.raise_for_status()
        for item in response.json():
            yield item
        if "opc-next-page" not in response.headers:
            return
        query["page"] = response.headers["opc-next-page"]


def object_names(client: httpx.Client, bucket_url: str) -> Iterator[str]:
    """The names of all objects in a bucket: here it is the answer's body that says where the next list begins."""
    start = ""
    while start is not None:
        response = client.get(f"{bucket_url}/o", params={"limit": 2, "start": start})
        response.raise_for_status()
        yield from (found["name"] for found in response.json()["objects"])
        start = response.json().get("nextStartWith")


def fill(client: httpx.Client, storage: str, namespace: str) -> None:
    """Give the stand-in something to list."""
    for bucket in BUCKETS:
        for name in ("first", "second", "the%20third"):
            client.put(f"{storage}/n/{namespace}/b/{bucket}/o/{name}", content=b"content").raise_for_status()


def synchronous(place: OCI) -> None:
    # httpx follows no redirects by itself; leave it at that, for a redirected request has a void signature.
    with httpx.Client(auth=place.signer) as client:
        namespace = client.get(f"{place.storage}/n").json()
        if place.fake:
            fill(client, place.storage, namespace)
        buckets = list(every(client, f"{place.storage}/n/{namespace}/b", compartmentId=place.compartment, limit=2))
        print("buckets:", *(bucket["name"] for bucket in buckets))
        if buckets:
            print("objects:", *object_names(client, f"{place.storage}/n/{namespace}/b/{buckets[0]['name']}"), sep=" | ")
        compartments = every(
            client, f"{place.identity}/20160918/compartments", compartmentId=place.signer.tenancy, limit=4
        )
        print("compartments:", len(list(compartments)))


async def asynchronous(place: OCI) -> None:
    async with httpx.AsyncClient(auth=place.signer) as client:
        print("async regions:", len((await client.get(f"{place.identity}/20160918/regions")).json()) > 1)
        url = f"{place.identity}/20160918/compartments"
        names = [found["name"] async for found in aevery(client, url, compartmentId=place.signer.tenancy, limit=4)]
        print("async compartments:", len(names))
        async with client.stream("GET", f"{place.storage}/n") as response:
            print("async namespace, streamed:", "".join([piece async for piece in response.aiter_text()]))


def main() -> None:
    with oci(identity_endpoint.add_to, partial(object_storage.add_to, buckets=BUCKETS)) as place:
        synchronous(place)
        asyncio.run(asynchronous(place))


if __name__ == "__main__":
    main()
