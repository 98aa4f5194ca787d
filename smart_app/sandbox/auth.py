"""The sandbox's authorization server, on Authlib's server side: SMART App Launch 2.2 for the sandbox's patients.

There is no login: the launcher page plays the EHR in which a clinician is signed in and a chart is open. A launch
context (patient, encounter, user) is minted there and comes back in ``launch``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.errors import InvalidClientError, OAuth2Error
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, render_template, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from werkzeug.wrappers import Response as Answer

from smart_app.fhir.reading.record import Json
from smart_app.sandbox import mischief
from smart_app.sandbox.registry import Client, Code, Context, Sessions, Token, load_signing_key

__all__ = ["Client", "Context", "Sessions", "Token", "install", "load_signing_key"]

os.environ.setdefault("AUTHLIB_INSECURE_TRANSPORT", "1")  # the sandbox speaks http on the loopback only


def install(
    app: Flask,
    sessions: Sessions,
    patients: Callable[[], list[tuple[str, str]]],
    prefix: str = "/auth",
    fhir: str = "/fhir",
) -> None:
    """Adds discovery, authorize, token, revoke and JWKS to the app. ``patients``: id and name, for the picker."""
    root = sessions.issuer.removesuffix(fhir)

    def save_token(token: Json, req: Any) -> None:
        context: Context = req.user
        kept = Token(req.client.client_id, token.get("scope", ""), context, time.time() + token["expires_in"])
        kept.access = token["access_token"]
        kept.refresh = token.get("refresh_token")
        with sessions.lock:
            sessions.tokens[kept.access] = kept
            if kept.refresh:
                sessions.refreshes[kept.refresh] = kept
        scopes = kept.scope.split()
        if context.patient and any(s == "launch" or s.startswith(("launch/", "patient/")) for s in scopes):
            token["patient"] = context.patient
        if context.encounter:
            token["encounter"] = context.encounter
        token["need_patient_banner"] = context.banner

    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post", "client_assertion_jwt"]  # noqa: RUF012

        def save_authorization_code(self, code: str, req: Any) -> None:
            data = req.payload.data
            sessions.codes[code] = Code(
                code,
                req.client.client_id,
                req.payload.redirect_uri,
                req.scope or data.get("scope", ""),
                req.user,
                data.get("nonce"),
                data.get("code_challenge"),
                data.get("code_challenge_method"),
                time.time() + 60,
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            with sessions.lock:
                found = sessions.codes.pop(code, None)  # single use, whatever comes of it
            good = found is not None and found.client_id == client.client_id and found.expires > time.time()
            return found if good else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            pass  # taken when it was looked up

        def authenticate_user(self, authorization_code: Code) -> Context:
            return authorization_code.context

    class Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            found = sessions.refreshes.get(refresh_token)
            return found if found is not None and not found.revoked else None

        def authenticate_user(self, refresh_token: Token) -> Context:
            return refresh_token.context

        def revoke_old_credential(self, refresh_token: Token) -> None:
            refresh_token.revoked = True

    class IdToken(OpenIDCode):  # type: ignore[misc]
        def exists_nonce(self, nonce: str, req: Any) -> bool:
            return any(c.nonce == nonce and c.client_id == req.payload.client_id for c in sessions.codes.values())

        def resolve_client_private_key(self, client: Client) -> RSAKey:  # noqa: ARG002 - Authlib's signature
            return sessions.key

        def get_client_algorithm(self, client: Client) -> str:  # noqa: ARG002 - Authlib's signature
            return "RS256"

        def get_encode_header(self, client: Client) -> Json:  # noqa: ARG002 - Authlib's signature
            return {"alg": "RS256", "kid": sessions.key.kid, "typ": "JWT"}

        def get_client_claims(self, client: Client) -> Json:
            return {"iss": sessions.issuer, "aud": client.client_id}

        def generate_user_info(self, user: Context, scope: str) -> Json:
            claims = {"sub": user.user.partition("/")[2]}
            if "fhirUser" in scope.split():
                claims["fhirUser"] = f"{sessions.issuer}/{user.user}"
            return claims

    class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
        def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> Any:
            """As Authlib's, with the algorithms that SMART asks for: its own choice leaves both out."""
            try:
                claims = jwt.decode(assertion, resolve_key, algorithms=["RS384", "ES384"]).claims
            except (JoseError, ValueError) as error:
                raise InvalidClientError(description="The assertion's signature is wrong.") from error
            self.verify_claims(claims)
            return claims

        def get_audiences(self) -> list[str]:
            return [f"{root}{prefix}/token"]

        def validate_jti(self, claims: Json, jti: str) -> bool:
            key = f"{claims['sub']} {jti}"
            with sessions.lock:
                fresh = key not in sessions.jtis
                sessions.jtis.add(key)
            return fresh

        def resolve_client_public_key(self, client: Client) -> KeySet:
            return KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]

    class Revoke(RevocationEndpoint):  # type: ignore[misc]
        CLIENT_AUTH_METHODS = CodeGrant.TOKEN_ENDPOINT_AUTH_METHODS

        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:  # noqa: ARG002
            return sessions.tokens.get(token_string) or sessions.refreshes.get(token_string)

        def revoke_token(self, token: Token, req: Any) -> None:  # noqa: ARG002 - Authlib's signature
            token.revoked = True

    class Issuer(IssuerParameter):  # type: ignore[misc]
        def get_issuer(self) -> str:
            return sessions.issuer

    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
        "authorization_code": sessions.lifetime,
        "refresh_token": sessions.lifetime,
    }
    server = AuthorizationServer(app, query_client=sessions.clients.get, save_token=save_token)
    server.register_client_auth_method("client_assertion_jwt", Assertion())
    server.register_grant(CodeGrant, [IdToken(), CodeChallenge(required=True)])
    server.register_grant(Refresh)
    server.register_endpoint(Revoke)
    server.register_extension(Issuer())

    @app.get(f"{fhir}/.well-known/smart-configuration")
    def smart_configuration() -> Response:
        return jsonify(
            {
                "issuer": sessions.issuer,
                "jwks_uri": f"{root}{prefix}/jwks",
                "authorization_endpoint": f"{root}{prefix}/authorize",
                "token_endpoint": f"{root}{prefix}/token",
                "revocation_endpoint": f"{root}{prefix}/revoke",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                    "private_key_jwt",
                ],
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                "scopes_supported": [
                    "openid",
                    "fhirUser",
                    "launch",
                    "launch/patient",
                    *sessions.listed,
                ],
                "capabilities": [
                    "launch-ehr",
                    "launch-standalone",
                    "authorize-post",
                    "client-public",
                    "client-confidential-symmetric",
                    "client-confidential-asymmetric",
                    "sso-openid-connect",
                    "context-ehr-patient",
                    "context-ehr-encounter",
                    "context-standalone-patient",
                    "context-banner",
                    "permission-patient",
                    "permission-offline",
                    "permission-v1",
                    "permission-v2",
                ],
            }
        )

    @app.route(f"{prefix}/authorize", methods=["GET", "POST"])
    def authorize() -> Answer | tuple[str, int]:
        values = request.values
        if values.get("aud", "").rstrip("/") != sessions.issuer:
            return "The aud parameter is not this server's FHIR base.", 400
        if not values.get("code_challenge") or values.get("code_challenge_method") != "S256":
            return "PKCE with S256 is required.", 400
        try:
            grant = server.get_consent_grant()
        except OAuth2Error as error:
            return server.handle_error_response(server.create_oauth2_request(None), error)  # type: ignore[no-any-return]
        launch = values.get("launch")
        if launch is not None:
            context = sessions.launches.pop(launch, None)
            if context is None:
                return "This launch is not known, or was used already.", 400
        elif values.get("picked"):
            context = Context(values["picked"])
        else:
            hidden = [(k, v) for k, v in values.items(multi=True) if k != "picked"]
            return render_template("picker.html", hidden=hidden, patients=patients()), 200
        answer = server.create_authorization_response(grant=grant, grant_user=context)
        return mischief.at_authorize(context.mischief, answer)

    @app.post(f"{prefix}/token")
    def token() -> Answer:
        return mischief.at_token(server.create_token_response(), sessions)

    @app.post(f"{prefix}/revoke")
    def revoke() -> Answer:
        return server.create_endpoint_response(Revoke.ENDPOINT_NAME)  # type: ignore[no-any-return]

    @app.get(f"{prefix}/jwks")
    def jwks() -> Response:
        if sessions.keys_failing:
            sessions.keys_failing -= 1
            return Response("<h1>Internal error</h1>", 500)
        return jsonify({"keys": [key.as_dict(private=False) for key in sessions.published()]})
