"""The block `auth`, typed. Owns its shape and defaults; what must hold is in auth_rules, what it means in app.auth."""

from __future__ import annotations

from pydantic import Field

from app.core.settings.values import AuthMode, Block, Claims, Flag, ModeName, RequiredText, TextList


class ProviderSettings(Block):
    name: RequiredText = ""
    """Unique name of the provider, for the log."""

    issuer_url: RequiredText = ""
    """Issuer of the tokens: an absolute https URL. http is accepted for localhost or with `insecure_url`."""

    jwks_url: str = ""
    """Address of the signing keys; left out, it is found by OpenID Connect discovery."""

    audience: RequiredText = ""
    """Audience that a token must be made for."""

    client_id: str = ""
    """Client id for token introspection."""

    client_secret_file: str = ""
    """Absolute path of the file with the client secret for introspection."""

    ca_cert_path: str = ""
    """Absolute path of a PEM file whose authorities replace the system's for calls to this provider."""

    auth_token_file: str = ""
    """Absolute path of a file whose content is sent as bearer token with calls to this provider."""

    introspection_url: str = ""
    """Address for tokens that are no JWT (RFC 7662)."""

    allow_private_ip: Flag = Field(default=False, alias="allowPrivateIP")
    """Whether the provider's host may have a private, loopback or link-local address."""


class OAuthSettings(Block):
    resource_url: str = ""
    """Public URL of this server, for the protected resource metadata and the challenge of a 401."""

    realm: str = "mcp-registry"
    """Realm in the challenge of a 401."""

    scopes_supported: TextList = ("mcp-registry:read", "mcp-registry:write")
    """Scopes that the protected resource metadata advertise; no token is checked for them."""

    providers: tuple[ProviderSettings, ...] = ()
    """Identity providers that are trusted; mode oauth needs at least one."""


class RolesSettings(Block):
    super_admin: tuple[Claims, ...] = ()
    """Claim maps that make a super administrator: any map of the list, every key of a map."""

    manage_sources: tuple[Claims, ...] = ()
    """Claim maps that allow to manage sources."""

    manage_registries: tuple[Claims, ...] = ()
    """Claim maps that allow to manage registries."""

    manage_entries: tuple[Claims, ...] = ()
    """Claim maps that allow to publish and to change entries."""


class AuthzSettings(Block):
    roles: RolesSettings = RolesSettings()
    """Which claims give which role."""


class AuthSettings(Block):
    mode: ModeName = AuthMode.OAUTH
    """`oauth` asks for a token of a configured provider, `anonymous` serves everybody."""

    public_paths: TextList = ()
    """Paths, each beginning with `/`, that are served without a token, with everything below them."""

    oauth: OAuthSettings | None = None
    """Settings of mode oauth; not checked in mode anonymous."""

    authz: AuthzSettings | None = None
    """Authorisation by role and claims; left out, every accepted token may do everything."""
