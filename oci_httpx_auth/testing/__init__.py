"""A stand-in for Oracle Cloud Infrastructure, for tests and for trying things out.

```python
from oci_httpx_auth.testing import FakeOCI

with FakeOCI() as oci:
    config_file = oci.write_config(tmp_path)
    ...  # point the program under test at oci.url and config_file
    assert oci.records[-1].signed
```

As a pytest fixture, for a suite whose clients use `oci.openai_url` and `oci.write_config(tmp_path)`:

```python
@pytest.fixture
def oci():
    with FakeOCI() as oci:
        yield oci
```

A request that bypassed the signer gets a 401; `oci.records[-1].reason` says how to make its framework sign.

The stand-in verifies signatures, tokens, digests and dates with its own code, not the signer's.
`python -m oci_httpx_auth.testing` runs it from the command line.
"""

from __future__ import annotations

from ._fake import FakeOCI
from ._model import ToolCall
from ._verify import Principal
from ._wire import Fault, Record, Refused, Reply, Request

__all__ = ["FakeOCI", "Fault", "Principal", "Record", "Refused", "Reply", "Request", "ToolCall"]
