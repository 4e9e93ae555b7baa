"""Keys and tokens are recognised wherever they are pasted, and text that people need to read is left alone."""

from __future__ import annotations

import base64
import json
import textwrap
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oci_httpx_auth import ConfigError, OCIAuthError
from oci_httpx_auth._secrecy import hide_secrets, looks_secret, quote_name, quote_path, quote_value

from .conftest import Key

REQUEST_IDS = (
    "C81E4F83E7C74A74BED9B09D0160769E/984643E7E585D68F934783B3D2996B50/B6F90E9CB91F1F86CE3766875B6C55D1",
    "fra-1:uM7qVWvXFGn1y2Vtbe9wqG-QpFKCN0tcBWFJjdBH8GOoDo4K4lkJl9BjJ0qARFWd",
)
READABLE = (
    "/home/opc/.oci/sessions/DEFAULT/oci_api_key.pem",
    "/Users/JohnDoe/Documents/MyProjects2024/OracleCloudInfrastructure/Keys/oci_api_key.pem",
    r"C:\Users\JohnDoe\Documents\MyProjects2024\OracleCloudInfrastructure\oci_api_key.pem",
    "/nix/store/8zvi8jk3k2ffk3wr9k8dkcl0z3iwq6hv-python3-3.11/lib/python3.11/site-packages",
    "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/pytest-of-Root/DataScienceModelDeploymentTest0",
    "ocid1.tenancy.oc1..aaaaaaaakxtqatkulodfc6i4jptp7uroq2pkzejm5hrqml33f4s7fd246btq",
    "ocid1.tenancy.oc1..aaaaexample/ocid1.user.oc1..aaaaexample/20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34",
    "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/20231130/actions/v1/chat/completions",
    "allow dynamic-group GenerativeAIUsers2024 to use generative-ai-family in compartment id ocid1.compartment.oc1..aaaa",
    "its first line should be -----BEGIN PRIVATE KEY-----",
    "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
    *REQUEST_IDS[:1],
)
PLACES = ("{}", "ST$ {}", "/home/x/{}", "https://h.example/{}", "key_file = {}", '"{}"', "  {}\n", "x.{}.y")


@pytest.mark.parametrize("text", READABLE)
def test_readable_text_is_left_alone(text: str) -> None:
    """Paths, OCIDs, fingerprints, URLs and policies are quoted unchanged."""
    assert hide_secrets(text) == text
    assert quote_path(text) == text


@pytest.mark.parametrize("request_id", REQUEST_IDS)
@pytest.mark.parametrize(
    "place", ["(opc-request-id {})", "'opc-request-id': '{}'", "Opc-Request-Id={}", "opc request-id: {}."]
)
def test_a_request_id_is_never_hidden(request_id: str, place: str) -> None:
    """Oracle's support asks for it, and some look like base64."""
    text = place.format(request_id)
    assert hide_secrets(f"refused: {text}") == f"refused: {text}"


def forms_of(pem: str) -> list[str]:
    """A key as people paste it: whole, escaped, on one line, without its first line, indented, in base64 again."""
    lines = pem.splitlines()[1:-1]
    body = "".join(lines)
    return [
        pem,
        pem.replace("\n", "\\n"),
        pem.replace("\n", "\\\\n"),
        pem.replace("\n", " "),
        pem.replace("\n", "\r\n"),
        pem[:200],
        "\n".join(lines),
        "\n".join(lines[1:9]),
        "\n    ".join(lines),
        " ".join(lines),
        "\\n".join(lines),
        json.dumps(lines, indent=1),
        body,
        body[100:],
        base64.b64encode(pem.encode()).decode(),
        json.dumps(pem),
        repr(pem.encode()),
    ]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pkcs1", [False, True])
@pytest.mark.parametrize("passphrase", [None, "secret"])
def test_a_key_is_recognised_in_every_form(key: Key, place: str, pkcs1: bool, passphrase: str | None) -> None:
    """Wherever it appears, no 24 letters of its private half remain, except the end of the last line."""
    pem = key.pem(passphrase, pkcs1=pkcs1)
    lines = [line for line in pem.splitlines()[1:-2] if len(line) == 64]
    for form in forms_of(pem):
        text = place.format(form)
        assert looks_secret(text), form
        left = hide_secrets(text)
        assert not [line for line in lines if line[:24] in left], left
        for quote in (quote_value, quote_name, quote_path):
            assert not [line for line in lines if line[:24] in quote(text)], quote


# The algorithms' names make the second line of an encrypted key less mixed than chance would.
ENCRYPTED = (
    bytes.fromhex("30820535305f06092a864886f70d01050d3052303106092a864886f70d01050c30240410"),
    bytes.fromhex("02020800300c06082a864886f70d02090500301d060960864801650304012a0410"),
    bytes.fromhex("048204d0"),
)


@pytest.mark.parametrize("place", ["{}", "https://h.example/{}"])
def test_no_random_key_has_a_line_that_is_not_recognised(place: str) -> None:
    """An encrypted key's salt and vector decide how mixed its first lines are; 200 of them, in every form."""
    for seed in range(200):
        random = Random(seed)
        der = b"".join(part + random.randbytes(length) for part, length in zip(ENCRYPTED, (16, 16, 1232), strict=True))
        lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
        pem = "\n".join(["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""])
        for form in forms_of(pem):
            left = hide_secrets(place.format(form))
            assert not [line for line in lines[:-1] if line[:24] in left], left


@settings(max_examples=300, deadline=None)
@given(
    st.binary(min_size=60, max_size=600),
    st.sampled_from(["", "ST$", "/", "Bearer ", "https://h.example/"]),
    st.booleans(),
)
def test_a_token_is_recognised(random: bytes, before: str, is_jwt: bool) -> None:
    """A JSON web token by its first letters, any other by its mixture of letters."""
    if is_jwt:
        parts = (b'{"alg":"RS256"}', b'{"sub":"' + random.hex().encode() + b'"}', random)
        token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    else:
        # Not any bytes: base64 of zeros is not mixed, and no secret either.
        token = "eyJ" + base64.urlsafe_b64encode(random).decode().rstrip("=")
    left = hide_secrets(f"{before}{token} was refused")
    assert left.endswith(" was refused")
    assert token[:12] not in left
    assert token[-12:] not in left


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=64, max_value=400))
def test_a_piece_of_base64_is_recognised(seed: int, length: int) -> None:
    """Random bytes of a key's or signature's size, cut anywhere."""
    data = base64.b64encode(Random(seed).randbytes(length)).decode()
    assert hide_secrets(f"'{data}'") == "'(a key or token?)'"


def test_a_generative_ai_key_and_a_proxys_password_are_recognised() -> None:
    """`sk-…`, and the part before the @ of a URL."""
    assert hide_secrets("key sk-abcdefghij0123456789") == "key (a key or token?)"
    assert hide_secrets("http://user:hunter2@proxy:80/") == "http://…@proxy:80/"


def test_no_error_of_this_library_holds_a_key(key: Key) -> None:
    """Whatever its message was built from; other arguments are unchanged."""
    for kind in (OCIAuthError, ConfigError):
        error = kind(f"There is no {key.pem()}.", 7)
        assert "PRIVATE KEY" not in repr(error)
        assert error.args[1] == 7
