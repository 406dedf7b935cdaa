"""What must hold of the block `auth` once its mode is known. Checks no token or secret: app.auth does."""

from __future__ import annotations

import os

from app.core.settings.access import find_access_fault
from app.core.settings.auth_tree import AuthSettings, OAuthSettings, ProviderSettings
from app.core.settings.draft import Draft, Place
from app.core.settings.syntax import split_url
from app.core.settings.tree import Document
from app.core.settings.values import AuthMode

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_PREFIX = "invalid auth configuration: "
_OPEN = "add auth.oauth.providers, or write auth: {mode: anonymous} to serve without authentication"


def check_auth(draft: Draft, document: Document) -> None:
    """Check the whole block in mode oauth; in mode anonymous only what holds in every mode."""
    auth = document.auth
    place = Place(draft, ("auth",))
    for index, path in enumerate(auth.public_paths):
        if not path.startswith("/"):
            message = f"{_PREFIX}auth.publicPaths[{index}] must start with /, got '{path}'"
            place.object(("publicPaths", index), message, f"write /{path}")
    if draft.is_spoilt(place.at("mode")):
        return
    if auth.mode is AuthMode.OAUTH:
        _check_oauth(place, auth, document.insecure_url)
    elif auth.authz is not None:
        draft.warn("auth.authz has no effect in mode anonymous: everybody may do everything")


def _check_oauth(place: Place, auth: AuthSettings, accept_http: bool) -> None:
    if "/" in auth.public_paths:
        place.draft.warn("auth.publicPaths contains /, so that every path is served without a token")
    if not auth.model_fields_set:
        message = "auth configuration is required: the default mode oauth needs auth.oauth.providers"
        place.object((), message, _OPEN)
    elif auth.oauth is None:
        place.object(("oauth",), f"{_PREFIX}auth.oauth is required when mode is oauth", _OPEN)
    elif not auth.oauth.providers:
        where = ("oauth", "providers")
        place.object(where, f"{_PREFIX}auth.oauth.providers is required when mode is oauth", _OPEN)
    else:
        _check_providers(place.inside("oauth", "providers"), auth.oauth, accept_http)


def _check_providers(place: Place, oauth: OAuthSettings, accept_http: bool) -> None:
    names: list[str] = []
    for index, provider in enumerate(oauth.providers):
        path = f"{_PREFIX}auth.oauth.providers[{index}]"
        if not provider.name:
            place.object((index, "name"), f"{path}.name is required", "name the provider; the log shows it")
        elif provider.name in names:
            fix = "give each provider its own name"
            place.object((index, "name"), f"{path}: duplicate provider name '{provider.name}'", fix)
        names.append(provider.name)
        _check_urls(place.inside(index), provider, path, accept_http)
        if not provider.audience:
            fix = "add the audience that tokens for this server carry"
            place.object((index, "audience"), f"{path}.audience is required", fix)
        _check_files(place.inside(index), provider, path)


def _check_urls(place: Place, provider: ProviderSettings, path: str, accept_http: bool) -> None:
    if not provider.issuer_url:
        place.object(("issuerUrl",), f"{path}.issuerUrl is required", "add the issuer of the provider's tokens")
    urls = {
        "issuerUrl": provider.issuer_url,
        "jwksUrl": provider.jwks_url,
        "introspectionUrl": provider.introspection_url,
    }
    for key, text in urls.items():
        if text and (fault := _find_fault(text, accept_http)):
            place.object((key,), f"{path}.{key} {fault}", "write it as https://host/path")


def _find_fault(text: str, accept_http: bool) -> str:
    try:
        url = split_url(text)
    except ValueError as error:
        return str(error)
    is_trusted = url.scheme == "https" or (url.scheme == "http" and (accept_http or url.hostname in _LOCAL_HOSTS))
    return "" if is_trusted else "must use HTTPS (set THV_REGISTRY_INSECURE_URL=true to allow HTTP)"


def _check_files(place: Place, provider: ProviderSettings, path: str) -> None:
    """Refuse relative paths. A file that is missing now may be mounted on the machine that serves: it is a warning."""
    files = {
        "clientSecretFile": provider.client_secret_file,
        "authTokenFile": provider.auth_token_file,
        "caCertPath": provider.ca_cert_path,
    }
    for key, file in files.items():
        if not file:
            continue
        if not os.path.isabs(file):
            place.object((key,), f"{path}.{key} must be an absolute path, got '{file}'", "begin the path with a slash")
        elif reason := find_access_fault(file):
            place.draft.warn(f"{path.removeprefix(_PREFIX)}.{key} is not accessible: {reason}")
