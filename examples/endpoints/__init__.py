"""Endpoints that the stand-in does not have, for the examples that need them: each module adds its own.

They show how `FakeOCI.add_endpoint` is used. The stand-in has verified a request before any of these sees it. What OCI
really answers is documented for some of them only; each module says what its form is taken from.
"""
