"""Region codes, realms and endpoints.

Source: the region tables of Oracle's Python and Go SDKs, which agree. A region newer than these tables is looked up where
the SDK does: `~/.oci/regions-config.json`, `OCI_REGION_METADATA`, `OCI_DEFAULT_REALM`; then by the realm that OCIDs name. On
dedicated clouds, `~/.oci/developer-tool-configuration.json` declares the regions.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .._errors import ConfigError
from .._secrecy import quote_value

# realm, its domain, then pairs of short code and region.
_REALMS = """
oc1 oraclecloud.com yny ap-chuncheon-1 hyd ap-hyderabad-1 mel ap-melbourne-1 bom ap-mumbai-1 kix ap-osaka-1 icn ap-seoul-1 syd ap-sydney-1 nrt ap-tokyo-1 yul ca-montreal-1 yyz ca-toronto-1 ams eu-amsterdam-1 fra eu-frankfurt-1 zrh eu-zurich-1 jed me-jeddah-1 dxb me-dubai-1 gru sa-saopaulo-1 cwl uk-cardiff-1 lhr uk-london-1 iad us-ashburn-1 phx us-phoenix-1 sjc us-sanjose-1 vcp sa-vinhedo-1 scl sa-santiago-1 mtz il-jerusalem-1 mrs eu-marseille-1 sin ap-singapore-1 auh me-abudhabi-1 lin eu-milan-1 arn eu-stockholm-1 jnb af-johannesburg-1 cdg eu-paris-1 qro mx-queretaro-1 mad eu-madrid-1 ord us-chicago-1 mty mx-monterrey-1 aga us-saltlake-2 bog sa-bogota-1 vap sa-valparaiso-1 xsp ap-singapore-2 ruh me-riyadh-1 onm ap-delhi-1 hsg ap-batam-1 orf eu-madrid-3 nrq eu-turin-1 jbp ap-kulai-2 lej af-casablanca-1
oc2 oraclegovcloud.com lfi us-langley-1 luf us-luke-1
oc3 oraclegovcloud.com ric us-gov-ashburn-1 pia us-gov-chicago-1 tus us-gov-phoenix-1
oc4 oraclegovcloud.uk ltn uk-gov-london-1 brs uk-gov-cardiff-1
oc8 oraclecloud8.com nja ap-chiyoda-1 ukb ap-ibaraki-1
oc9 oraclecloud9.com mct me-dcc-muscat-1 ibr me-ibri-1
oc10 oraclecloud10.com wga ap-dcc-canberra-1
oc14 oraclecloud14.com bgy eu-dcc-milan-1 mxp eu-dcc-milan-2 snn eu-dcc-dublin-2 dtm eu-dcc-rating-2 dus eu-dcc-rating-1 ork eu-dcc-dublin-1
oc15 oraclecloud15.com dac ap-dcc-gazipur-1
oc19 oraclecloud.eu vll eu-madrid-2 str eu-frankfurt-2
oc20 oraclecloud20.com beg eu-jovanovac-1
oc21 oraclecloud21.com doh me-dcc-doha-1 vve me-alrayyan-1
oc23 oraclecloud23.com ebb us-somerset-1 ebl us-thames-1
oc24 oraclecloud24.com avz eu-dcc-zurich-1 avf eu-crissier-1
oc26 oraclecloud26.com ahu me-abudhabi-3 rba me-alain-1
oc29 oraclecloud29.com rkt me-abudhabi-2 shj me-abudhabi-4
oc35 oraclecloud35.com dtz ap-seoul-2 dln ap-suwon-1 bno ap-chuncheon-2
oc42 oraclecloud42.com yxj us-ashburn-2 pgc us-newark-1
oc51 oraclecloud51.com jsk eu-budapest-1
oc52 oraclecloud52.com hnw sa-riodejaneiro-1
"""


class Region(NamedTuple):
    """A region of the tables, or one that this machine declares."""

    code: str
    name: str
    realm: str
    domain: str


_NAME = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"


@cache
def _table() -> list[Region]:
    """The regions of the realms above."""
    table = []
    for line in _REALMS.strip().splitlines():
        realm, domain, *pairs = line.split()
        table += [Region(*pair, realm, domain) for pair in zip(pairs[::2], pairs[1::2], strict=True)]
    return table


def region_id(name: str) -> str:
    """The region's id for an id or a short code, in any letter case: `ORD` and `us-chicago-1` are the same.

    Raises `ValueError` for anything that can't be a region, because the name becomes part of a host name.
    """
    region = name.strip().lower()
    if len(region) > 200 or not re.fullmatch(_NAME, region):
        raise ValueError(f"{quote_value(name)} is not a region. A region looks like 'us-chicago-1'.")
    return next((known.name for known in _regions() if known.code == region), region)


def region_domain(region: str, *ocids: str | None) -> str:
    """The second-level domain of a region's realm.

    For an undeclared region: `OCI_DEFAULT_REALM`, else the domain of the realm that these OCIDs name, else
    `oraclecloud.com`. Raises `ValueError` for an undeclared region on a dedicated cloud that allows only its own, and
    `ConfigError` if `OCI_DEFAULT_REALM` is not a domain.
    """
    if (known := _find(region)) is not None:
        return known.domain
    if default := os.environ.get("OCI_DEFAULT_REALM", "").strip().lower():
        if not re.fullmatch(_NAME, default):
            raise ConfigError(
                f"OCI_DEFAULT_REALM is {quote_value(default)}, which is not a domain like 'oraclecloud.com'."
            )
        return default
    if _only_dedicated():
        raise ValueError(
            f"{region!r} is not declared in the developer tool configuration of this dedicated cloud. Add it to {_dedicated_path()}, "
            "or set OCI_ALLOW_ONLY_DEVELOPER_TOOL_CONFIGURATION_REGIONS=true to use OCI's regions as well."
        )
    realms = [parts[2] for ocid in ocids if ocid and len(parts := ocid.split(".")) > 3]
    domains = {known.realm: known.domain for known in _table()}
    return next((domains[realm] for realm in realms if realm in domains), "oraclecloud.com")


def region_realm(region: str) -> str | None:
    """The realm of a region id, e.g. `oc1`; `None` if unknown."""
    known = _find(region)
    return None if known is None else known.realm


def realm_regions(region: str) -> list[str]:
    """The ids of all regions in the realm of this one."""
    realm = region_realm(region)
    return [known.name for known in _table() if known.realm == realm]


def auth_endpoint(region: str) -> str:
    """The auth service's endpoint, which refreshes sessions and issues tokens. Raises `ValueError` as `region_id` does."""
    return "https://auth." + _suffix(region, "")


def inference_endpoint(region: str, *ocids: str | None) -> str:
    """The Generative AI inference endpoint, without a path. Raises `ValueError` as `region_id` and `region_domain` do.

    ocids: the compartment's or tenancy's, which name the realm of a region newer than the tables.
    """
    return "https://inference.generativeai." + _suffix(region, _label(), *ocids)


def identity_endpoint(region: str) -> str:
    """The Identity service's endpoint, without a path. Raises `ValueError` as `region_id` and `region_domain` do."""
    return "https://identity." + _suffix(region, _label())


def _label() -> str:
    """The label before the domain, as in the SDK's templates; `ds.` marks endpoints with both IPv4 and IPv6."""
    return "ds.oci." if os.environ.get("OCI_DUAL_STACK_ENDPOINT_ENABLED", "").strip().lower() == "true" else "oci."


def is_known(region: str) -> bool:
    """Whether this region's realm is in the tables or declared on this machine; otherwise it is a guess."""
    return _find(region) is not None


def similar_region(region: str) -> str | None:
    """The known region whose name is most similar, if any is close."""
    import difflib  # here, because it is rarely needed

    names = [known.name for known in _table()]
    return next(iter(difflib.get_close_matches(region, names, n=1, cutoff=0.8)), None)


def _find(region: str) -> Region | None:
    return next((known for known in _regions() if known.name == region), None)


def _suffix(region: str, label: str, *ocids: str | None) -> str:
    name = region_id(region)
    if "." in name:  # the SDK's rule: a region with a dot is a whole domain
        return name
    return f"{name}.{label}{region_domain(name, *ocids)}"


def _regions() -> Iterator[Region]:
    """The regions that requests may go to: those of a dedicated cloud, of the tables, and those declared here.

    Raises `ValueError` for an unreadable configuration of a dedicated cloud, as the SDK does, because ignoring it would
    lead to another cloud. Any other unreadable declaration is skipped, also as in the SDK.
    """
    path = _dedicated_path()
    if os.path.isfile(path):
        try:
            described = json.loads(Path(path).read_bytes())["regions"]
            described = [described] if isinstance(described, dict) else list(described)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise ValueError(
                f"the developer tool configuration {path} cannot be read: it needs a list of regions."
            ) from None
        yield from filter(None, map(_region, described))
    if _only_dedicated():
        return
    yield from _table()
    # RuntimeError: there is no home directory.
    with contextlib.suppress(OSError, ValueError, RuntimeError, RecursionError):
        described = json.loads((Path.home() / ".oci" / "regions-config.json").read_bytes())
        yield from filter(None, map(_region, described if isinstance(described, list) else ()))
    with contextlib.suppress(ValueError, RecursionError):
        yield from filter(None, [_region(json.loads(os.environ.get("OCI_REGION_METADATA", "")))])


def _dedicated_path() -> str:
    named = os.environ.get("OCI_DEVELOPER_TOOL_CONFIGURATION_FILE_PATH", "").strip()
    return os.path.expanduser(named or "~/.oci/developer-tool-configuration.json")


def _only_dedicated() -> bool:
    """Whether this is a dedicated cloud that allows no other regions.

    Despite its name, `OCI_ALLOW_ONLY_DEVELOPER_TOOL_CONFIGURATION_REGIONS=true` allows OCI's regions as well.
    """
    allows_others = os.environ.get("OCI_ALLOW_ONLY_DEVELOPER_TOOL_CONFIGURATION_REGIONS", "").strip().lower()
    return os.path.isfile(_dedicated_path()) and allows_others not in ("true", "1")


def _region(described: Any) -> Region | None:
    """The region that a JSON object describes, if it is complete and can be part of a host name."""
    if not isinstance(described, dict):
        return None
    names = ("regionKey", "regionIdentifier", "realmKey", "realmDomainComponent")
    region = Region(*(str(described.get(name) or "").strip().lower() for name in names))
    valid = all(region) and re.fullmatch(_NAME, region.name) and re.fullmatch(_NAME, region.domain)
    return region if valid else None
