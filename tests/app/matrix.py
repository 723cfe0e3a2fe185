"""Every route the service answers, who may ask it, and how: what the tests of access, of sessions and of limits share.

A route that is missing here fails `test_access.py`.
"""

from dataclasses import dataclass
from typing import Any

from fastapi.routing import iter_route_contexts

from app.database import Logins
from app.main import create_app
from app.settings import Settings
from tests.app.callers import PEOPLE

WATCHERS = frozenset({"enumerator", "supervisor", "coordinator", "admin"})
DECIDERS = WATCHERS - {"enumerator"}
IMPORTERS = DECIDERS - {"supervisor"}
KEEPERS = IMPORTERS | {"local_government"}
ADMINS = frozenset({"admin"})
ROLES = WATCHERS | {"local_government"}
#: Everybody who is logged in, also without any role in force.
ANYBODY = frozenset({"", *ROLES})

TILE = "13/6761/4107"
NO_ID = "11111111-1111-4111-8111-111111111111"
NO_FLAG = "1111111111111111"

#: Routes that need no log-in, and why that is right.
OPEN = {
    "GET /livez": "says nothing of anybody",
    "GET /readyz": "says nothing of anybody",
    "GET /metrics": "says nothing of any household",
    "GET /v1/openapi.json": "the contract is public",
    "GET /login": "where one logs in",
    "POST /login": "where one logs in",
    "GET /login/provider": "where one logs in, if the settings name a provider",
    "GET /login/provider/callback": "where the provider sends one back",
    "GET /": "leads to the log-in page",
    "GET /gaps": "leads to the log-in page",
    "GET /block": "leads to the log-in page",
    "GET /progress": "leads to the log-in page",
    "GET /callbacks": "leads to the log-in page",
    "GET /plan": "leads to the log-in page",
    "GET /quality": "leads to the log-in page",
    "GET /quarantine": "leads to the log-in page",
    "GET /welfare": "leads to the log-in page",
    "GET /account": "leads to the log-in page",
    "GET /access": "leads to the log-in page",
    "GET /releases": "what is published is for everybody; its figures come from elsewhere",
    "GET /programmes": "likewise",
    "GET /sites": "sites are public places; they come from elsewhere, and so does leave to change them",
    "GET /assets/{version}/{name:path}": "scripts and styles, the same for all",
    "GET /favicon.ico": "the same for all",
    "GET /sw.js": "a script, the same for all",
}

#: Routes that read what is published, for everybody: how each is asked, and what it answers where nothing is published.
#: A wrong token is refused all the same. `tests/disclosure` holds them against what may not be learned.
PUBLISHED = {
    "GET /v1/releases": ("/v1/releases", 200),
    "GET /v1/releases/{release}/areas": ("/v1/releases/1/areas", 404),
    "GET /v1/releases/{release}/cells": ("/v1/releases/1/cells", 404),
    "GET /v1/releases/{release}/compare": ("/v1/releases/6/compare?with=1", 404),
    "GET /v1/releases/{release}.xlsx": ("/v1/releases/1.xlsx", 404),
    "GET /v1/releases/{release}.gpkg": ("/v1/releases/1.gpkg", 404),
    "GET /v1/releases/{release}/clusters": ("/v1/releases/1/clusters", 404),
    "GET /v1/releases/{release}/clusters/leaves": ("/v1/releases/1/clusters/leaves", 404),
    "GET /v1/releases/{release}/sites": ("/v1/releases/1/sites", 404),
    "GET /v1/releases/{release}/reach": ("/v1/releases/1/reach", 404),
    "GET /v1/releases/{release}/programmes.xlsx": ("/v1/releases/1/programmes.xlsx", 404),
    "GET /v1/releases/{release}/programmes.gpkg": ("/v1/releases/1/programmes.gpkg", 404),
    "GET /v1/releases/{release}/programmes.pdf": ("/v1/releases/1/programmes.pdf", 404),
    "GET /tiles/release/{release}/{layer}/{z}/{x}/{y}.mvt": (f"/tiles/release/1/areas/{TILE}.mvt", 404),
    "GET /tiles/release/{release}/{layer}.json": ("/tiles/release/1/areas.json", 404),
    "GET /v1/sites": ("/v1/sites", 200),
    "GET /tiles/sites/{z}/{x}/{y}.mvt": (f"/tiles/sites/{TILE}.mvt", 204),
    "GET /tiles/sites.json": ("/tiles/sites.json", 200),
}

#: Pages, and whom each shows more than that it is not for them.
PAGES = {
    "/": WATCHERS,
    "/gaps": WATCHERS,
    "/block": WATCHERS,
    "/progress": WATCHERS,
    "/callbacks": WATCHERS,
    "/plan": DECIDERS,
    "/quality": DECIDERS,
    "/quarantine": WATCHERS,
    "/welfare": DECIDERS,
    "/account": ANYBODY,
    "/access": DECIDERS,
}


@dataclass(frozen=True)
class Route:
    """How a guarded route is asked without changing anything, who may, and what those get.

    `session`: a token does not do. `whole`: an administrator of the whole campaign only.
    """

    path: str
    roles: frozenset[str]
    status: int = 200
    session: bool = False
    whole: bool = False

    def expected(self, who: str, kind: str) -> tuple[int, str]:
        """Status, and the code of the problem if it is one, that a person gets with a `token` or a `session`."""
        person = PEOPLE[who]
        if person.ended == "disabled":
            return 401, "not-logged-in"
        if not person.roles and "" not in self.roles:
            return 403, "no-role"
        if not (person.roles or {""}) & self.roles or (self.whole and not person.everything):
            return 403, "not-allowed"
        return (403, "session-needed") if self.session and kind == "token" else (self.status, "")


GUARDED = {
    "POST /v1/submissions": Route("/v1/submissions", WATCHERS, 422),
    "GET /v1/submissions/{submission_id}": Route(f"/v1/submissions/{NO_ID}", WATCHERS, 404),
    "POST /v1/heartbeats": Route("/v1/heartbeats", WATCHERS, 422),
    "GET /v1/areas": Route("/v1/areas", WATCHERS),
    "GET /v1/areas/{code}": Route("/v1/areas/6472", WATCHERS),
    "GET /v1/campaign": Route("/v1/campaign", ANYBODY),
    "GET /v1/coverage": Route("/v1/coverage", WATCHERS),
    "GET /v1/cells": Route("/v1/cells", WATCHERS),
    "GET /v1/enumerators": Route("/v1/enumerators", DECIDERS),
    "GET /v1/footprints": Route("/v1/footprints", WATCHERS),
    "GET /v1/flags": Route("/v1/flags", DECIDERS),
    "POST /v1/flags/{flag}/review": Route(f"/v1/flags/night-1-{NO_FLAG}/review", DECIDERS, 422),
    "GET /v1/gaps": Route("/v1/gaps", WATCHERS),
    "GET /v1/holes": Route("/v1/holes", WATCHERS),
    "GET /v1/callbacks": Route("/v1/callbacks", WATCHERS),
    "GET /v1/households": Route("/v1/households", WATCHERS),
    "GET /v1/households/{household_id:path}": Route("/v1/households/nobody", WATCHERS, 404),
    "POST /v1/households/{household_id:path}/close": Route("/v1/households/nobody/close", DECIDERS, 422),
    "POST /v1/households/{household_id:path}/reopen": Route("/v1/households/nobody/reopen", DECIDERS, 422),
    "GET /v1/households/{household_id:path}/welfare": Route("/v1/households/nobody/welfare", DECIDERS, 404),
    "POST /v1/welfare/{scale}": Route("/v1/welfare/rank", IMPORTERS, 422),
    "GET /v1/welfare/held": Route("/v1/welfare/held", DECIDERS),
    "POST /v1/sites": Route("/v1/sites", KEEPERS, 422),
    "PUT /v1/sites/{site_id:path}": Route("/v1/sites/nowhere", KEEPERS, 422),
    "DELETE /v1/sites/{site_id:path}": Route("/v1/sites/nowhere", KEEPERS, 404),
    "GET /v1/sites/versions": Route("/v1/sites/versions", KEEPERS),
    "GET /v1/movements": Route("/v1/movements", DECIDERS),
    "GET /v1/cutoffs": Route("/v1/cutoffs", DECIDERS),
    "GET /v1/plan": Route("/v1/plan", DECIDERS, 422),
    "PUT /v1/plan": Route("/v1/plan", DECIDERS, 422),
    "GET /v1/prelist": Route("/v1/prelist", WATCHERS),
    "GET /v1/progress": Route("/v1/progress", WATCHERS),
    "GET /v1/proposals": Route("/v1/proposals", DECIDERS),
    "POST /v1/proposals/{proposal}/review": Route("/v1/proposals/boundary.1.2/review", DECIDERS, 422),
    "GET /v1/quarantine": Route("/v1/quarantine", WATCHERS),
    "POST /v1/quarantine/{row_id}/resolve": Route("/v1/quarantine/1/resolve", DECIDERS, 422),
    "GET /v1/reinterviews": Route("/v1/reinterviews", DECIDERS),
    "POST /v1/reinterviews/{household_id:path}/review": Route("/v1/reinterviews/nobody/review", DECIDERS, 422),
    "GET /v1/releases/{release}/placements": Route("/v1/releases/1/placements", ANYBODY, 404),
    "GET /v1/sheets/{code}.pdf": Route("/v1/sheets/nowhere.pdf", WATCHERS, 404),
    "POST /v1/sheets": Route("/v1/sheets", WATCHERS, 422),
    "GET /v1/jobs/{job_id}": Route(f"/v1/jobs/{NO_ID}", WATCHERS, 404),
    "GET /v1/jobs/{job_id}/file": Route(f"/v1/jobs/{NO_ID}/file", WATCHERS, 404),
    "DELETE /v1/jobs/{job_id}": Route(f"/v1/jobs/{NO_ID}", WATCHERS, 404),
    "GET /v1/stream": Route("/v1/stream", WATCHERS),
    "GET /tiles/{layer}/{z}/{x}/{y}.mvt": Route(f"/tiles/blocks/{TILE}.mvt", WATCHERS),
    "GET /tiles/{layer}.json": Route("/tiles/blocks.json", ANYBODY),
    "GET /style.json": Route("/style.json", WATCHERS),
    "GET /basemap.pmtiles": Route("/basemap.pmtiles", WATCHERS, 404),
    "GET /v1/me": Route("/v1/me", ANYBODY),
    "POST /logout": Route("/logout", ANYBODY, 303),
    "GET /v1/tokens": Route("/v1/tokens", ANYBODY),
    "POST /v1/tokens": Route("/v1/tokens", ROLES, 422, session=True),
    "DELETE /v1/tokens/{token_id}": Route("/v1/tokens/2000000000", ANYBODY, 404),
    "GET /v1/sessions": Route("/v1/sessions", ANYBODY),
    "DELETE /v1/sessions/{session_id}": Route("/v1/sessions/2000000000", ANYBODY, 404),
    "POST /v1/password": Route("/v1/password", ANYBODY, 422, session=True),
    "GET /v1/access": Route("/v1/access", DECIDERS),
    "GET /v1/accounts": Route("/v1/accounts", ADMINS),
    "POST /v1/accounts": Route("/v1/accounts", ADMINS, 422, session=True),
    "POST /v1/accounts/{name}/grants": Route("/v1/accounts/nobody/grants", ADMINS, 422, session=True),
    "DELETE /v1/grants/{grant_id}": Route("/v1/grants/2000000000", ADMINS, 404),
    "POST /v1/accounts/{name}/password": Route("/v1/accounts/nobody/password", ADMINS, 404, session=True),
    "POST /v1/accounts/{name}/disable": Route("/v1/accounts/nobody/disable", ADMINS, 404),
    "POST /v1/accounts/{name}/enable": Route("/v1/accounts/nobody/enable", ADMINS, 404, session=True),
    "GET /v1/audit": Route("/v1/audit", ADMINS, whole=True),
}

#: Routes that change something.
UNSAFE = [route for route in GUARDED if not route.startswith("GET ")]


def routes(settings: Settings) -> set[str]:
    """Method and path of everything the service answers, a provider of log-ins included."""
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    provider = {"oidc_issuer": "https://provider.example", "oidc_client_id": "cakupan"}
    app = create_app(settings.model_copy(update=provider), Logins(nowhere, nowhere, nowhere, nowhere))
    found = set()
    for context in iter_route_contexts(app.routes):
        found |= {f"{method} {context.path}" for method in context.methods or () if method != "HEAD"}
    return found


def request_of(route: str) -> dict[str, Any]:
    """Method, address and body of a request that changes nothing."""
    method = route.partition(" ")[0]
    return {"method": method, "url": GUARDED[route].path} | ({"json": {"submissions": []}} if method == "POST" else {})
