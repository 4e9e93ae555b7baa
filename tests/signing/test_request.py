"""A request as it is signed: what is covered is what is sent, whatever a client can send."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oci_httpx_auth import Credential, OCISigner
from oci_httpx_auth._signing.request import (
    Covered,
    change_after_signing,
    is_streamed_upload,
    longest_timeout,
    sign_request,
    url_as_sent,
)

from ..conftest import Key, parts
from ..providers import Sessions
from ..standin import FakeOCI


@pytest.mark.parametrize(
    ("method", "url", "streamed"),
    [
        ("PUT", "https://objectstorage.us-chicago-1.oraclecloud.com/n/ns/b/bucket/o/object", True),
        ("PUT", "https://ns.objectstorage.us-chicago-1.oci.customer-oci.com/n/ns/b/bucket/o/a/b", True),
        (
            "PUT",
            "https://objectstorage.us-chicago-1.oraclecloud.com/n/ns/b/bucket/u/a?uploadId=1&uploadPartNum=1",
            True,
        ),
        ("POST", "https://objectstorage.us-chicago-1.oraclecloud.com/n/ns/b/bucket/u/a", False),
        ("PUT", "https://objectstorage.us-chicago-1.oraclecloud.com/n/ns/b/bucket/l", False),
        ("PUT", "https://objectstorage.us-chicago-1.oraclecloud.com/n/ns/b/bucket/o/", False),
        ("PUT", "https://identity.us-chicago-1.oci.oraclecloud.com/n/ns/b/bucket/o/object", False),
    ],
)
def test_only_these_two_operations_may_leave_the_body_out(method: str, url: str, streamed: bool) -> None:
    """OCI refuses every other operation without the digest."""
    request = httpx.Request(method, url, content=iter([b"some ", b"bytes"]), headers={"content-length": "10"})
    assert is_streamed_upload(request) is streamed


def last_target(oci: FakeOCI) -> str:
    return oci.records[-1].target


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "json": lambda: {"json": {"a": "é", "b": [1, 2]}},
    "form": lambda: {"data": {"a": "1 2", "b": "é"}},
    "multipart": lambda: {
        "files": {"file": ("näme.bin", b"\x00\x01" * 500, "application/x-thing")},
        "data": {"p": "q"},
    },
    "generator": lambda: {"content": (b"part %d" % i for i in range(5))},
    "generator with a type": lambda: {"content": iter([b"{}"]), "headers": {"content-type": "application/json"}},
    "empty generator": lambda: {"content": iter([])},
    "three megabytes": lambda: {"content": b"x" * 3_000_000},
    "nothing": dict,
}


@pytest.mark.parametrize("body", BODIES)
def test_every_kind_of_body_verifies(oci: FakeOCI, signer: OCISigner, library: Any, body: str) -> None:
    """Its length is really on the wire, and no `transfer-encoding`."""
    with library.Client(auth=signer) as client:
        response = client.post(f"{oci.url}/echo", **BODIES[body]())
    record = oci.records[-1]
    assert response.status_code == 200, record.reason
    assert record.header("content-length") == str(len(record.body))
    assert record.header("transfer-encoding") is None
    assert record.header("x-content-sha256") == base64.b64encode(hashlib.sha256(record.body).digest()).decode()


@pytest.mark.parametrize("size", [0, 3_000_000], ids=["generator", "three megabytes"])
def test_bodies_of_async_clients_verify(oci: FakeOCI, signer: OCISigner, library: Any, size: int, run: Any) -> None:
    """An async generator is read; a large body is hashed on a thread."""

    async def main() -> Any:
        async with library.AsyncClient(auth=signer) as client:
            return await client.put(f"{oci.url}/echo", content=b"x" * size if size else parts())

    response = run(main)
    record = oci.records[-1]
    assert response.status_code == 200, record.reason
    assert record.header("content-length") == str(len(record.body)) == str(size or 30)
    assert record.header("transfer-encoding") is None


TARGETS = [
    "/", "", "?", "/x?", "/x??", "//x//y", "/a;b=c;d", "/a%2Fb", "/a%2fb", "/~u/%7Eu/%7e", "/x?a=[1]&b=%5B1%5D", "/x?a=1&a=2&a=",
    "/x?a&b=&=c", "/x?q=a+b%20c", "/x?q=|^`{}\\", "/ä/é?ü=ö", "/a b?c d", "/x?a=/b?c", "/%E4", "/x#fragment", "/x?q='\"<>", "/a/../c/./d",
    "/%00", "/x?key=kept&Key=too", "/:@!$&'()*+,=", "/%25%32%46",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_signed_as_the_bytes_that_are_sent(
    oci: FakeOCI, signer: OCISigner, library: Any, target: str
) -> None:
    """Percent-encoding, double slashes, brackets, empty values, trailing question marks: all untouched."""
    with library.Client(auth=signer) as client:
        request = client.build_request("GET", oci.url + target)
        response = client.send(request)
    assert response.status_code == 200, oci.records[-1].reason
    assert last_target(oci) == request.url.raw_path.decode()


@pytest.mark.parametrize(
    "url",
    [
        "https://bücher.example/straße?q=ü",
        "https://[2001:db8::1]:8443/x",
        "https://[::1]/x",
        "https://EXAMPLE.com:443/x",
        "https://example.com:8443/x",
        "http://localhost:8080/x",
        "http://127.1.2.3/x",
        "http://169.254.169.254/x",
    ],
)
def test_hosts_are_signed_as_the_header_that_is_sent(oci: FakeOCI, signer: OCISigner, library: Any, url: str) -> None:
    """IDNA, IPv6 brackets, ports that are the default and ports that are not."""
    with library.Client(auth=signer, transport=getattr(oci, f"{library.__name__}_transport")()) as client:
        response = client.get(url)
    assert response.status_code == 200, oci.records[-1].reason
    assert "host" in oci.records[-1].signed_headers


def test_a_host_header_of_the_callers_own_is_what_is_signed(oci: FakeOCI, signer: OCISigner, library: Any) -> None:
    """A gateway may know the service by another name than the URL's."""
    with library.Client(auth=signer) as client:
        response = client.get(f"{oci.url}/x", headers={"host": "objectstorage.example"})
    assert response.status_code == 200, oci.records[-1].reason
    assert oci.records[-1].header("host") == "objectstorage.example"


def test_a_target_of_the_callers_own_is_what_is_signed(oci: FakeOCI, signer: OCISigner, library: Any) -> None:
    """httpx can send another target than the URL's."""
    with library.Client(auth=signer) as client:
        response = client.get(f"{oci.url}/x", extensions={"target": b"/raw|target?[]"})
    assert response.status_code == 200, oci.records[-1].reason
    assert last_target(oci) == "/raw|target?[]"


def test_other_services_credentials_are_removed_and_the_url_is_kept(
    oci: FakeOCI, signer: OCISigner, library: Any
) -> None:
    """What other SDKs authenticate with is replaced or removed; the URL is never altered."""
    foreign = {
        "Authorization": "Bearer stolen",
        "X-Api-Key": "stolen",
        "x-goog-api-key": "stolen",
        "Date": "Mon, 01 Jan 2001 00:00:00 GMT",
        "x-date": "Mon, 01 Jan 2001 00:00:00 GMT",
        "x-content-sha256": "bogus",
    }
    with library.Client(auth=signer) as client:
        response = client.post(f"{oci.url}/x?key=kept", headers=foreign, json={})
    record = oci.records[-1]
    assert response.status_code == 200, record.reason
    assert "stolen" not in str(record.headers)
    assert record.header("x-date") is None
    assert record.target == "/x?key=kept"
    assert sum(name.lower() == "authorization" for name, _ in record.headers) == 1


def test_extra_headers_of_a_credential_are_sent_and_signed(oci: FakeOCI, library: Any) -> None:
    """A delegation token travels on every request, under the signature."""

    class Delegated(Sessions):
        def fetch(self) -> Credential:
            base = super().fetch()
            return Credential(base.key_id, base.private_key, headers={"x-further": "on-behalf"})

    with library.Client(auth=OCISigner(Delegated(oci))) as client:
        assert client.get(f"{oci.url}/x").status_code == 200
    assert oci.records[-1].header("x-further") == "on-behalf"
    assert "x-further" in oci.records[-1].signed_headers


ODD = st.text(
    st.sampled_from(list("aZ9-._~!$&'()*+,;=:@/?%[]|^`{}\\<>\"# \u00e9\u4e2d\U0001f600"))
    | st.characters(codec="utf-8"),
    max_size=20,
)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeOCI, httpx.Client]]:
    """One stand-in and one client for many examples."""
    with FakeOCI() as oci:
        signer = OCISigner(config_file=oci.write_config(tmp_path_factory.mktemp("config")))
        with httpx.Client(auth=signer) as client:
            yield oci, client


@pytest.mark.slow
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"]),
    path=ODD,
    query=st.none() | ODD,
    params=st.none() | st.dictionaries(ODD, ODD, max_size=3),
    body=st.none() | st.binary(max_size=200) | st.lists(st.binary(max_size=50), max_size=4),
    content_type=st.none()
    | st.sampled_from(["application/json", 'text/plain; x="y"', "multipart/form-data; boundary=x"]),
)
def test_every_request_that_httpx_can_send_verifies(
    standing: tuple[FakeOCI, httpx.Client],
    method: str,
    path: str,
    query: str | None,
    params: dict[str, str] | None,
    body: Any,
    content_type: str | None,
) -> None:
    """Over URLs where other libraries would quote differently, and bodies whole and in parts."""
    oci, client = standing
    try:
        request = client.build_request(
            method,
            f"{oci.url}/{path}" + ("" if query is None else f"?{query}"),
            params=params,
            content=iter(body) if isinstance(body, list) else body,
            headers={"content-type": content_type} if content_type else None,
        )
    except (httpx.InvalidURL, UnicodeEncodeError):
        assume(False)
    assume(not request.url.raw_path.startswith((b"/opc", b"/v1", b"/openai", b"/2018", b"/2023", b"/n", b"/google")))
    oci.records.clear()
    response = client.send(request)
    (record,) = oci.records
    if record.reason != "no endpoint serves this path of OCI's form":  # found out once the signature is verified
        assert response.status_code == 200, record.reason
    assert record.signed
    assert record.target.encode("latin-1") == request.url.raw_path
    assert record.body == (b"".join(body) if isinstance(body, list) else body or b"")


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_the_length_is_on_the_wire_if_and_only_if_there_is_a_body(
    oci: FakeOCI, signer: OCISigner, library: Any, method: str
) -> None:
    """Also of a body that comes in parts and is not signed."""
    with library.Client(auth=signer) as client:
        for parts, length in (([b"part", b"part"], "8"), ([], "0"), (None, "0" if method == "POST" else None)):
            response = client.request(method, f"{oci.url}/x", content=None if parts is None else iter(parts))
            record = oci.records[-1]
            assert response.status_code == 200, record.reason
            assert record.body == b"".join(parts or [])
            assert record.header("content-length") == length
            names = [name.lower() for name, _ in response.request.headers.raw]
            assert names.count(b"content-length") == (length is not None)  # h11 would forgive it twice, HTTP/2 not
            assert record.header("transfer-encoding") is None


def test_a_request_that_lost_its_host_gets_the_urls(oci: FakeOCI, signer: OCISigner, library: Any) -> None:
    """It could not be sent without one."""
    with library.Client(auth=signer) as client:
        request = client.build_request("GET", f"{oci.url}/x")
        del request.headers["host"]
        response = client.send(request)
    assert response.status_code == 200, oci.records[-1].reason
    assert oci.records[-1].header("host") == oci.url.removeprefix("http://")


def test_the_callers_own_headers_arrive_as_they_are(oci: FakeOCI, signer: OCISigner, library: Any) -> None:
    """Each of them, in their order, also those with the same name."""
    own = [("Accept", "text/plain"), ("User-Agent", "mine"), ("Cookie", "a=b"), ("X-Mine", "1"), ("x-mine", "2")]
    with library.Client(auth=signer) as client:
        client.headers.clear()
        assert client.post(f"{oci.url}/x", headers=own, json={}).status_code == 200
    names = {name.lower() for name, _ in own}
    sent = [(name, value) for name, value in oci.records[-1].headers if name.lower() in names]
    assert [(name.lower(), value) for name, value in sent] == [(name.lower(), value) for name, value in own]


SIGNED = {
    b"date": b"Mon, 02 Mar 2026 09:30:00 GMT",
    b"host": b"h.example",
    b"content-length": b"2",
    b"authorization": b'Signature algorithm="rsa-sha256",headers="date (request-target) host content-length",keyId="k"',
}
COVERED = Covered({}, SIGNED, b"post /a%7Eb?c=%2F")
URL = "https://h.example/a%7Eb?c=%2F"


def sent(method: str = "POST", url: str = URL, **changed: str) -> httpx.Request:
    """The request as it was sent: as it was signed, but for these headers."""
    headers = {name.decode(): value.decode() for name, value in SIGNED.items()} | {"accept": "*/*"}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return httpx.Request(method, url, headers={name: value for name, value in headers.items() if value})


@pytest.mark.parametrize(
    ("request_sent", "says"),
    [
        (sent(), ""),
        (sent(accept="text/plain"), ""),
        (sent(date="Mon, 02 Mar 2026 09:31:00 GMT"), "header date"),
        (sent(date=""), "header date"),
        (sent(host="proxy.example", date="x"), "headers date, host"),
        (sent(authorization="Bearer x"), "header authorization"),
        (sent(content_length="3"), "header content-length"),
        (sent(url="https://h.example/a~b?c=%2F"), "URL's path or query"),
        (sent(url="https://h.example/a%7Eb?c=/"), "URL's path or query"),
        (sent(method="PUT"), "PUT was sent"),
    ],
)
def test_the_change_is_named(request_sent: httpx.Request, says: str) -> None:
    """Headers that are not signed may change; the URL counts byte by byte."""
    changed = change_after_signing(COVERED, httpx.Response(401, request=request_sent))
    assert bool(changed) is bool(says)
    assert says in changed


def test_a_url_that_aiohttp_rewrites_is_named() -> None:
    """It is given the URL as a text, and writes some escapes its own way."""
    pytest.importorskip("yarl")

    class Stream(httpx.SyncByteStream):
        __module__ = "httpx_aiohttp.transport"  # what the package's own stream says

    changed = change_after_signing(COVERED, httpx.Response(401, request=sent(), stream=Stream()))
    assert changed == "aiohttp sends /a~b?c=/ in place of the URL's /a%7Eb?c=%2F"


def test_a_header_that_is_sent_twice_was_changed() -> None:
    """A server reads two values where one was signed."""
    request = sent()
    request.headers = httpx.Headers([*request.headers.raw, (b"Date", b"x")])
    assert "header date" in change_after_signing(COVERED, httpx.Response(401, request=request))


def test_a_target_that_is_not_ascii_is_compared_too() -> None:
    """A program may send any bytes as the target; comparing them raises nothing."""
    request = sent()
    request.extensions["target"] = b"/\xff"
    changed = change_after_signing(COVERED._replace(request_line=b"POST /\xfe"), httpx.Response(401, request=request))
    assert changed == "the URL's path or query is different"


@pytest.mark.parametrize(("target", "says"), [(b"/a%7Eb?c=%2F", ""), (b"*", "URL's path or query")])
def test_the_target_that_a_program_sends_is_compared(target: bytes, says: str) -> None:
    """It goes over that of the URL, as in httpx."""
    request = sent(url="https://h.example/another")
    request.extensions["target"] = target
    changed = change_after_signing(COVERED, httpx.Response(401, request=request))
    assert says in changed
    assert bool(says) is bool(changed)


def test_a_url_that_aiohttp_sends_as_it_is_needs_no_second_signature() -> None:
    """Most URLs are written by both libraries alike."""
    pytest.importorskip("yarl")

    class Stream(httpx.SyncByteStream):
        __module__ = "httpx_aiohttp.transport"

    request = sent(url="https://h.example/plain?q=1")
    assert url_as_sent(httpx.Response(401, request=request, stream=Stream())) is None
    assert url_as_sent(httpx.Response(401, request=sent())) is None


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (httpx.Timeout(5, read=60), 60.0),
        (httpx.Timeout(7), 7.0),
        (httpx.Timeout(None), None),
        (httpx.Timeout(5, pool=None), None),
    ],
)
def test_the_longest_timeout_of_a_request(timeout: httpx.Timeout, seconds: float | None) -> None:
    """One that is unlimited makes all of them so."""
    request = httpx.Request("GET", URL, extensions={"timeout": timeout.as_dict()})
    assert longest_timeout(request) == seconds
    assert longest_timeout(httpx.Request("GET", URL)) is None


UPLOAD = "https://objectstorage.us-chicago-1.oraclecloud.com/n/ns/b/bucket/o/object"


def test_a_body_in_memory_or_of_unknown_length_is_not_a_streamed_upload() -> None:
    """The first has its digest at no cost; the second would be sent in chunks, which OCI refuses."""
    pieces, length = iter([b"abc"]), {"content-length": "3"}
    assert is_streamed_upload(httpx.Request("PUT", UPLOAD, content=pieces, headers=length))
    assert not is_streamed_upload(httpx.Request("PUT", UPLOAD, content=b"abc"))
    assert not is_streamed_upload(httpx.Request("PUT", UPLOAD, content=pieces))


def test_a_streamed_upload_is_signed_without_its_body(key: Key) -> None:
    """Its signature covers date, target and host."""
    request = httpx.Request("PUT", UPLOAD, content=iter([b"abc"]), headers={"content-length": "3"})
    headers, covered = sign_request(request, 0, None, Credential("a/b/c", key.private), 0.0)
    assert 'headers="date (request-target) host"' in headers["authorization"]
    assert headers["content-length"] == "3"
    assert covered.request_line == b"PUT /n/ns/b/bucket/o/object"


def test_zstd_is_not_asked_for_by_httpx(key: Key) -> None:
    """The one header is replaced; other codings stay."""
    request = httpx.Request("GET", URL, headers={"accept-encoding": "gzip, zstd;q=0.5, br"})
    headers, _ = sign_request(request, 0, None, Credential("a/b/c", key.private), 0.0)
    assert headers.get_list("accept-encoding") == ["gzip, br"]
