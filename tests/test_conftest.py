"""The pool of keys that tests take theirs from."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa

from .conftest import KeyPool


def test_the_pool_hands_out_no_key_twice_within_a_test() -> None:
    """Between tests it reuses them, the longest unused one first."""
    pool = KeyPool()
    first = [pool.generate(public_exponent=65537, key_size=2048) for _ in range(40)]
    assert len({id(key) for key in first}) == 40
    pool.start_test()
    second = [pool.generate(public_exponent=65537, key_size=2048) for _ in range(41)]
    assert second[:40] == first
    assert second[40] not in first


def test_the_pool_leaves_other_keys_alone() -> None:
    """A key of another size is really generated."""
    assert KeyPool().generate(public_exponent=65537, key_size=1024).key_size == 1024
    assert rsa.generate_private_key(public_exponent=3, key_size=1024).public_key().public_numbers().e == 3
