"""How the app shows an authorization server who it is (RFC 6749, 2.3; SMART App Launch 2.2, client authentication)."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

from smart_app.smart.discovery import Endpoints
from smart_app.smart.issuers import Issuer
from smart_app.smart.keys import client_assertion

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def authenticated(issuer: Issuer, endpoints: Endpoints, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form of a request to the authorization server, with this app's authentication in one of the two."""
    headers, sent = {"Accept": "application/json"}, dict(form)
    if issuer.auth == "client_secret_basic":
        pair = f"{quote_plus(issuer.client_id)}:{quote_plus(issuer.client_secret or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    elif issuer.auth == "client_secret_post":
        sent.update(client_id=issuer.client_id, client_secret=issuer.client_secret or "")
    elif issuer.auth == "private_key_jwt" and issuer.key_file is not None:
        sent["client_assertion_type"] = _ASSERTION_TYPE
        sent["client_assertion"] = client_assertion(
            issuer.key_file, issuer.client_id, endpoints.token, algorithms=endpoints.signing_algorithms
        )
    else:
        sent["client_id"] = issuer.client_id
    return headers, sent
