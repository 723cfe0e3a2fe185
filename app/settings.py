"""What an operator may set. One frozen object, built once in `app.cli` or a test, and passed in.

Every setting is an environment variable with the prefix `CAKUPAN_`, save `DATABASE_URL`, which keeps the name that
every host gives it. A `.env` file beside the checkout is read too. `docs/guide/settings.md` lists them; a test keeps
that list true.
"""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app import basemap


def default_home() -> Path:
    """The folder that holds the private PostGIS, its data and its secrets when nothing else is said."""
    if os.geteuid() == 0:  # PostgreSQL refuses root, and its own user may not enter /root
        return Path("/var/lib/cakupan")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "cakupan"


class Settings(BaseSettings):
    """Settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="CAKUPAN_",
        env_file=Path(__file__).parent.parent / ".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="Owner login of an outside PostGIS server. Left out: a private PostGIS in `home`.",
    )
    worker_password: SecretStr | None = Field(
        default=None, description="Password of the worker login on an outside server. Left out: kept in `home`."
    )
    internal_password: SecretStr | None = Field(
        default=None, description="Password of the internal login on an outside server. Left out: kept in `home`."
    )
    release_password: SecretStr | None = Field(
        default=None, description="Password of the release login on an outside server. Left out: kept in `home`."
    )
    home: Path = Field(default_factory=default_home, description="Folder for the private PostGIS, its data, secrets.")
    database: str = Field(
        default="cakupan",
        pattern=r"^[a-z_][a-z0-9_]{0,40}$",
        description="Database in the private PostGIS; the demo keeps its own, `cakupan_demo`.",
    )
    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the service listens on; 0 takes a free one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    secure_cookies: bool = Field(
        default=False, description="Mark cookies Secure always; over HTTPS they are without it too."
    )
    session_hours: int = Field(default=12, ge=1, le=168, description="Hours after which a log-in ends.")
    copies_hours: int = Field(
        default=72,
        ge=0,
        le=168,
        description="Hours for which a browser may show its last copy of the pages for the field; 0: it keeps none.",
    )
    host_names: tuple[str, ...] = Field(
        default=(),
        description='Names the service answers to besides localhost and addresses, as JSON: `["cakupan.example.id"]`.',
    )
    proxies: str = Field(
        default="127.0.0.1", description="Addresses of proxies whose X-Forwarded-For and -Proto are believed; `*`: all."
    )
    least_free_percent: int = Field(
        default=5,
        ge=0,
        le=50,
        description="Free part of the private database's disk below which uploads are put off, percent; 0: never.",
    )
    requests_per_minute: int = Field(
        default=3000,
        ge=0,
        description="Most requests a minute of one account, or of the public at one address; 0: any number.",
    )
    streams_per_account: int = Field(
        default=100, ge=0, description="Most streams (open maps) of one account at once, in one process; 0: any number."
    )
    failures_per_minute: int = Field(
        default=300, ge=0, description="Most wrong secrets a minute from one address, in one process; 0: any number."
    )
    oidc_issuer: str | None = Field(
        default=None, description="Address of an OpenID Connect provider to log in by; HTTPS, save on this machine."
    )
    oidc_client_id: str | None = Field(default=None, description="Our name at the provider.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Our secret at the provider, if it gave one."
    )
    oidc_scope: str = Field(default="openid profile email", description="What the provider is asked to tell.")
    oidc_claim: str = Field(
        default="preferred_username", description="What of it is the account's name; `email` only where it is verified."
    )
    oidc_label: str = Field(default="", max_length=60, description="What the button on the log-in page calls it.")
    fold_seconds: float = Field(default=0.25, gt=0, le=5, description="Pause between two folds, seconds.")
    pool_size: int = Field(default=8, ge=1, le=100, description="Database connections for each login of a process.")
    tile_cache_mb: int = Field(default=256, ge=8, le=65536, description="Memory for unchanging tile bytes, megabytes.")
    tile_disk_mb: int = Field(
        default=1024, ge=0, le=1_048_576, description="Disk for unchanging tile bytes in `home`, megabytes; 0: none."
    )

    basemap: str = Field(
        default="",
        max_length=500,
        description="What lies beneath the map: a PMTiles file, or `https://…/{z}/{x}/{y}.png`. Empty: nothing.",
    )
    basemap_attribution: str = Field(
        default="", max_length=200, description="Whose the basemap is, as text; left out, what its file says."
    )

    @field_validator("basemap")
    @classmethod
    def _basemap(cls, value: str) -> str:
        """What cannot be drawn stops the start, and not the reader."""
        basemap.of(value)
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str | None) -> str | None:
        """Whoever is between us and a provider without HTTPS could be anybody."""
        if not value:
            return None
        address = urlsplit(value)
        here = address.hostname in {"localhost", "127.0.0.1", "::1"}
        if address.query or address.fragment or not (address.scheme == "https" or (address.scheme == "http" and here)):
            raise ValueError("must be an https:// address")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _driver(cls, value: SecretStr | None) -> SecretStr | None:
        """Accept the addresses that hosts hand out and name our driver in them."""
        if value is None or not value.get_secret_value():
            return None
        scheme, _, rest = value.get_secret_value().partition("://")
        if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not rest:
            raise ValueError("must be a postgresql:// address")
        return SecretStr(f"postgresql+psycopg://{rest}")
