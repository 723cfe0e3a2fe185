"""The web pages: a shell in the reader's language. What it shows comes from the API that everybody else uses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Cookie, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import locales
from app.access import WATCHERS, HouseDep, known
from app.api.access import OVERSEERS
from app.api.campaign import about
from app.api.me import sees
from app.api.quarantine import DECIDERS
from app.headers import ANSWERS, FORGET
from app.house import House
from app.pages import assets, offline
from geo.intake import quarantine
from geo.publish.bands import BANDS, LOW_COVERAGE, SHOWN_FROM
from geo.publish.freeze import GATE
from geo.publish.sites import KEEPERS
from geo.trust.credentials import Caller
from tiles.style import BAND_COLOURS

router = APIRouter(include_in_schema=False)
router.include_router(assets.router)
router.include_router(offline.router)

_YEAR = 365 * 24 * 3600
_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


#: Texts that only some templates show; the others need not load them.
_APART = {
    "login.": ("login.html",),
    "waiting.": ("waiting.html",),
    "closed.": ("closed.html",),
    "account.": ("account.html",),
    "access.": ("access.html",),
    **dict.fromkeys(("grant.", "can.", "secret.", "trouble."), ("account.html", "access.html")),
    "act.": ("account.html", "access.html", "quality.html"),
    **dict.fromkeys(("quarantine.", "fault.", "held.", "field.", "receipt."), ("quarantine.html",)),
    "progress.": ("progress.html",),
    **dict.fromkeys(("gaps.", "reason."), ("gaps.html", "block.html")),
    "state.": ("gaps.html", "block.html", "map.html"),
    "phones.": ("gaps.html",),
    "block.": ("block.html",),
    "sheet.": (),  # of printed paper
    "brief.": (),  # likewise
    "print.": ("gaps.html", "block.html"),
    "callbacks.": ("callbacks.html",),
    **dict.fromkeys(("quality.", "flag.", "proposal.", "again."), ("quality.html",)),
    **dict.fromkeys(("welfare.", "unfit."), ("welfare.html",)),
    "outcome.": (),  # of files for maps
    "published.": (),  # of files of releases
    "plan.": ("plan.html",),
    "point.": ("gaps.html", "block.html", "callbacks.html", "plan.html", "quality.html", "sites.html"),
    "measure.": ("gaps.html", "block.html", "map.html"),
    "panel.": ("map.html",),
    "legend.": ("map.html", "releases.html", "programmes.html"),
    "releases.": ("releases.html", "programmes.html"),
    "reading.": (),  # of the template of releases alone
    "programmes.": ("programmes.html",),
    "overlaid.": (),  # of the template of programmes alone
    "sites.": ("sites.html",),
    "days.": ("map.html",),
    **dict.fromkeys(("way.", "route."), ()),  # of files for maps and paper
    **dict.fromkeys(("copies.", "outbox."), (*offline.SHELLS.values(), "quality.html")),
}

#: Pages that show a map with the basemap of the settings beneath.
_WITH_MAP = ("map.html", "block.html", "releases.html", "programmes.html", "sites.html")

#: Pages for everybody, log-in or none: what has been published.
_OPEN = ("/releases", "/programmes")

#: What everybody may know of a campaign: nothing that changes while it goes on.
_STEADY = ("name", "time_zone", "edition", "simulated")

#: What a reader of releases is told of how figures are shown.
_RULES = {"gate": GATE, "shown_from": SHOWN_FROM, "low_coverage": LOW_COVERAGE}


class Language(NamedTuple):
    """The language of one page, and whether to remember it."""

    code: str
    chosen: bool


async def language(
    lang: Annotated[str | None, Query(max_length=8)] = None,
    cakupan_lang: Annotated[str | None, Cookie(max_length=8)] = None,
    accept_language: Annotated[str, Header(max_length=500)] = "",
) -> Language:
    """What the link asks for, else what was chosen before, else what the browser prefers, else Indonesian."""
    return Language(locales.choose(lang, cakupan_lang, accept_language), lang in locales.LANGUAGES)


LanguageDep = Annotated[Language, Depends(language)]
KnownDep = Annotated[Caller | None, Depends(known)]


class Page(NamedTuple):
    """A page for those who are logged in: whom it is open to (None: everybody), and whether it shows a campaign."""

    template: str
    roles: tuple[str, ...] | None = WATCHERS
    campaign: bool = True


PAGES = {
    "/": Page("map.html"),
    "/progress": Page("progress.html"),
    "/gaps": Page("gaps.html"),
    "/block": Page("block.html"),
    "/callbacks": Page("callbacks.html"),
    "/quality": Page("quality.html", DECIDERS),
    "/plan": Page("plan.html", DECIDERS),
    "/quarantine": Page("quarantine.html"),
    "/welfare": Page("welfare.html", DECIDERS),
    "/access": Page("access.html", OVERSEERS, campaign=False),
    "/account": Page("account.html", None, campaign=False),
}


@router.get("/")
async def live_map(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """The live map."""
    return await _inside(request, house, found, spoken)


@router.get("/progress")
async def progress(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """How the campaign goes against its deadline."""
    return await _inside(request, house, found, spoken)


@router.get("/gaps")
async def gaps(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """The list of blocks where families are still to be found."""
    return await _inside(request, house, found, spoken)


@router.get("/block")
async def block(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """One block: who is missing, where, and who works there."""
    return await _inside(request, house, found, spoken)


@router.get("/callbacks")
async def callbacks(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """The list of families to be visited again, and of those that were closed."""
    return await _inside(request, house, found, spoken)


@router.get("/plan")
async def plan(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """Whom to send where: the plan of a team for one day."""
    return await _inside(request, house, found, spoken)


@router.get("/quality")
async def quality(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """Points to doubt, edges and codes that may be wrong, families to interview a second time."""
    return await _inside(request, house, found, spoken)


@router.get("/welfare")
async def welfare(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """The consultation's movements, what another cut-off would change, and rows of the ledger that were not taken."""
    return await _inside(request, house, found, spoken)


@router.get("/quarantine")
async def rows_held(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """The list of rows that wait for a decision."""
    return await _inside(request, house, found, spoken)


@router.get("/access")
async def who_sees(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """Who may see an area; for administrators also accounts and grants."""
    return await _inside(request, house, found, spoken)


@router.get("/account")
async def own_account(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """One's own account: roles, tokens, sessions, password."""
    return await _inside(request, house, found, spoken)


@router.get("/releases")
async def releases(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """What has been published, for everybody. Nothing of it changes between two releases."""
    return await _published(request, house, found, spoken)


@router.get("/programmes")
async def programmes(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """Where poor families cluster in what has been published, and whether programmes reach them, for everybody."""
    return await _published(request, house, found, spoken)


@router.get("/sites")
async def sites(request: Request, house: HouseDep, found: KnownDep, spoken: LanguageDep) -> Response:
    """Where programmes are delivered, for everybody; whoever keeps the list changes it here."""
    return _page(request, "sites.html", spoken, await _for_everybody(house, found))


@router.get("/login")
async def log_in(
    request: Request,
    house: HouseDep,
    spoken: LanguageDep,
    failed: Annotated[str, Query(max_length=20)] = "",
    ended: bool = False,
    to: Annotated[str, Query(max_length=500)] = "/",
) -> Response:
    """The log-in page. `failed` says at what: by name and password, or at the `provider`; `ended`: a session did."""
    settings = house.settings
    by_provider = bool(settings.oidc_issuer and settings.oidc_client_id)
    more = {
        "campaign": about(house.snapshot),
        "me": None,
        "waiting": 0,
        "failed": failed,
        "ended": ended,
        "to": to,
        "provider": f"/login/provider?to={quote(to, safe='/')}" if by_provider else None,
        "label": settings.oidc_label,
    }
    answer = _page(request, "login.html", spoken, more)
    if ended:
        answer.headers[FORGET] = ANSWERS
    return answer


async def _published(request: Request, house: House, found: Caller | None, spoken: Language) -> Response:
    """A page that reads releases."""
    more = await _for_everybody(house, found) | {"rules": _RULES}
    more["bands"] = list(zip(BANDS, BAND_COLOURS, strict=True))
    return _page(request, f"{request.url.path.strip('/')}.html", spoken, more)


async def _inside(request: Request, house: House, found: Caller | None, spoken: Language) -> Response:
    """A page for those who are logged in; what stands in its way otherwise."""
    if found is None:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?to={quote(wanted, safe='/')}", 303)
    wanted_page = PAGES[request.url.path]
    me, campaign = _me(found), about(house.snapshot)
    more = {"campaign": campaign, "me": me, "waiting": 0}
    if wanted_page.roles is not None and not _any(found, wanted_page.roles):
        return _page(request, "closed.html", spoken, more | _why(found), 403)
    if wanted_page.campaign and not campaign:
        return _page(request, "waiting.html", spoken, more)
    if me["watches"] and campaign:
        more["waiting"] = await _waiting(house, found)
    return _page(request, wanted_page.template, spoken, more)


async def _for_everybody(house: House, found: Caller | None) -> dict[str, Any]:
    """What a page needs that is open to all: nothing of the campaign that changes, save for those who watch it."""
    campaign = about(house.snapshot)
    steady = {name: campaign[name] for name in _STEADY} if campaign else None
    me = _me(found) if found else None
    if found and me and me["watches"] and campaign:
        return {"campaign": campaign, "me": me, "waiting": await _waiting(house, found)}
    return {"campaign": steady, "me": me, "waiting": 0}


async def _waiting(house: House, found: Caller) -> int:
    async with house.db.as_actor(found.account_id, found.credential_id) as connection:
        return await quarantine.waiting(connection)


def _me(found: Caller) -> dict[str, Any]:
    """What a page must know of who looks at it: which entries the menu has, and what may be done."""
    admin = found.only(("admin",))
    return {
        "name": found.name,
        "role": found.role,
        "watches": _any(found, WATCHERS),
        "households": found.scope.sees_households,
        "decides": _any(found, DECIDERS),
        "imports": _any(found, ("coordinator", "admin")),
        "keeps_sites": _any(found, KEEPERS),
        "oversees": _any(found, OVERSEERS),
        "administers": admin is not None,
        "administers_all": admin is not None and admin.scope.everything,
        "sees": sees(found),
    }


def _any(found: Caller, roles: tuple[str, ...]) -> bool:
    return any(role in roles for role in found.scopes)


def _open_to(me: Mapping[str, Any] | None, campaign: Mapping[str, Any] | None, address: str) -> bool:
    """Whether who looks (None: nobody we know) has an entry of the menu."""
    if address in {*_OPEN, "/login"}:
        return address in _OPEN or me is None
    if me is None or address == "/access":
        return bool(me and me["oversees"])
    needed = "decides" if PAGES[address].roles == DECIDERS else "watches"
    return bool(campaign and me[needed])


def _why(found: Caller) -> dict[str, str]:
    """Why a page stays closed: the keys of its words."""
    why = "none" if not found.scopes else "role" if _any(found, WATCHERS) else "government"
    return {"why_title": f"closed.title_{why}", "why": f"closed.why_{why}"}


def _page(request: Request, template: str, spoken: Language, more: Mapping[str, Any], status: int = 200) -> Response:
    texts = locales.texts(spoken.code)

    def t(key: str, **values: object) -> str:
        return texts[key].format(**values)

    links = {code: str(request.url.include_query_params(lang=code).query) for code in locales.LANGUAGES}
    beneath = request.app.state.basemap if template in _WITH_MAP else None
    if beneath and beneath.file and not (more["me"] and more["me"]["watches"]):
        beneath = None  # our own file is for those who watch
    setup = {
        "lang": spoken.code,
        "campaign": more["campaign"],
        "me": more["me"],
        "copies": offline.lasting(request.app.state.house.settings),
        "basemap": beneath.for_page() if beneath else None,
    } | {name: more[name] for name in ("bands", "rules") if name in more}
    apart = tuple(beginning for beginning, templates in _APART.items() if template not in templates)
    shown = {key: said for key, said in texts.items() if not key.startswith(apart)}
    body = _pages.get_template(template).render(
        t=t,
        lang=spoken.code,
        links=links,
        assets=assets.root(),
        path=request.url.path,
        needed_by=assets.needed_by,
        open_to=_open_to,
        setup=setup,
        texts=shown,
        **more,
    )
    answer = HTMLResponse(body, status, {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Language"})
    if spoken.chosen:
        answer.set_cookie(locales.COOKIE, spoken.code, max_age=_YEAR, samesite="lax")
    return answer
