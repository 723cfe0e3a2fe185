"""A log-in provider on this machine, for tests: OpenID Connect by the book, and each lie a test asks it to tell."""

import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "cakupan", "a-secret-of-the-provider"


@dataclass
class Provider:
    """Who is at its page (`person`), and what it gets wrong: claims replaced, `signed` by whom, a status of its own."""

    address: str
    person: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    signed: str = "own"
    says_issuer: str | None = None
    down: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"}))

    def honest(self, **person: Any) -> None:
        """Tell the truth again, about this person."""
        self.person, self.claims, self.signed, self.says_issuer, self.down = person, {}, "own", None, False

    async def discover(self, _: Request) -> Response:
        if self.down:
            return Response("no", 503)
        return JSONResponse({
            "issuer": self.says_issuer or self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })  # fmt: skip

    async def keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def token(self, request: Request) -> Response:
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(sent.get("code", ""), None)
        verifier = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if request.headers.get("authorization") != f"Basic {basic}" or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        if verifier.rstrip(b"=").decode() != asked["code_challenge"] or sent["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        claims = {k: v for k, v in (claims | self.person | self.claims).items() if v is not None}
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.sign(claims)})

    def sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": "RS256", "kid": "1"}
        if self.signed == "somebody else":
            return jwt.encode(header, claims, RSAKey.generate_key(2048, {"kid": "1"}))
        if self.signed == "nobody":
            parts = [base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in (b'{"alg":"none"}', repr_json(claims))]
            return ".".join([*parts, ""])
        if self.signed == "our public key":
            key = OctKey.import_key(self.key.as_pem(private=False))
            return jwt.encode({"alg": "HS256", "kid": "1"}, claims, key)
        return jwt.encode(header, claims, self.key)


def repr_json(claims: dict[str, Any]) -> bytes:
    return bytes(JSONResponse(claims).body)


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """A provider that answers on a port of this machine for the time of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}")
        app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", made.discover),
                Route("/authorize", made.authorize),
                Route("/token", made.token, methods=["POST"]),
                Route("/keys", made.keys),
            ]
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield made
        finally:
            server.should_exit = True
            thread.join(10)
