"""OCI's other services: the list of regions, and an echo for every path without an endpoint."""

from __future__ import annotations

import hashlib

from ._exchange import Exchange
from ._wire import Reply

# Each realm with its domain, and its regions by their keys. As in the SDK's tables.
REALMS = """
oc1 oraclecloud.com: yny ap-chuncheon-1, hyd ap-hyderabad-1, mel ap-melbourne-1, bom ap-mumbai-1, kix ap-osaka-1,
 icn ap-seoul-1, syd ap-sydney-1, nrt ap-tokyo-1, yul ca-montreal-1, yyz ca-toronto-1, ams eu-amsterdam-1,
 fra eu-frankfurt-1, zrh eu-zurich-1, jed me-jeddah-1, dxb me-dubai-1, gru sa-saopaulo-1, cwl uk-cardiff-1,
 lhr uk-london-1, iad us-ashburn-1, phx us-phoenix-1, sjc us-sanjose-1, vcp sa-vinhedo-1, scl sa-santiago-1,
 mtz il-jerusalem-1, mrs eu-marseille-1, sin ap-singapore-1, auh me-abudhabi-1, lin eu-milan-1, arn eu-stockholm-1,
 jnb af-johannesburg-1, cdg eu-paris-1, qro mx-queretaro-1, mad eu-madrid-1, ord us-chicago-1, mty mx-monterrey-1,
 aga us-saltlake-2, bog sa-bogota-1, vap sa-valparaiso-1, xsp ap-singapore-2, ruh me-riyadh-1, onm ap-delhi-1,
 hsg ap-batam-1, orf eu-madrid-3, nrq eu-turin-1, jbp ap-kulai-2, lej af-casablanca-1
oc2 oraclegovcloud.com: lfi us-langley-1, luf us-luke-1
oc3 oraclegovcloud.com: ric us-gov-ashburn-1, pia us-gov-chicago-1, tus us-gov-phoenix-1
oc4 oraclegovcloud.uk: ltn uk-gov-london-1, brs uk-gov-cardiff-1
oc8 oraclecloud8.com: nja ap-chiyoda-1, ukb ap-ibaraki-1
oc9 oraclecloud9.com: mct me-dcc-muscat-1, ibr me-ibri-1
oc10 oraclecloud10.com: wga ap-dcc-canberra-1
oc14 oraclecloud14.com: bgy eu-dcc-milan-1, mxp eu-dcc-milan-2, snn eu-dcc-dublin-2, dtm eu-dcc-rating-2,
 dus eu-dcc-rating-1, ork eu-dcc-dublin-1
oc15 oraclecloud15.com: dac ap-dcc-gazipur-1
oc19 oraclecloud.eu: vll eu-madrid-2, str eu-frankfurt-2
oc20 oraclecloud20.com: beg eu-jovanovac-1
oc21 oraclecloud21.com: doh me-dcc-doha-1, vve me-alrayyan-1
oc23 oraclecloud23.com: ebb us-somerset-1, ebl us-thames-1
oc24 oraclecloud24.com: avz eu-dcc-zurich-1, avf eu-crissier-1
oc26 oraclecloud26.com: ahu me-abudhabi-3, rba me-alain-1
oc29 oraclecloud29.com: rkt me-abudhabi-2, shj me-abudhabi-4
oc35 oraclecloud35.com: dtz ap-seoul-2, dln ap-suwon-1, bno ap-chuncheon-2
oc42 oraclecloud42.com: yxj us-ashburn-2, pgc us-newark-1
oc51 oraclecloud51.com: jsk eu-budapest-1
oc52 oraclecloud52.com: hnw sa-riodejaneiro-1
"""

SUBSCRIBED = ("us-chicago-1", "us-phoenix-1", "us-ashburn-1", "eu-frankfurt-1")


def region_info(region: str) -> dict[str, str]:
    """A region as the metadata service describes it. An unknown one is in oc1, and is its own key."""
    realm, domain, key = "oc1", "oraclecloud.com", region
    for line in REALMS.replace(",\n", ",").strip().splitlines():
        head, _, regions = line.partition(": ")
        keys = {name: key for key, name in (pair.split() for pair in regions.split(","))}
        if region in keys:
            realm, domain = head.split()
            key = keys[region]
    return {
        "realmKey": realm,
        "realmDomainComponent": domain,
        "regionKey": key.upper(),
        "regionIdentifier": region,
    }


def regions(exchange: Exchange) -> Reply:
    """The regions, as Identity lists them."""
    exchange.verify()
    return Reply.json([{"key": region_info(name)["regionKey"], "name": name} for name in SUBSCRIBED])


def echo(exchange: Exchange) -> Reply:
    """The received request, for any method and path, once its signature is verified."""
    principal = exchange.verify()
    request = exchange.request
    return Reply.json(
        {
            "method": request.method,
            "target": request.target,
            # The response may end up in a log, and the authorization header holds a token.
            "headers": [list(item) for item in request.headers if item[0].lower() != "authorization"],
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "length": len(request.body),
            "principal": principal.name,
        }
    )
