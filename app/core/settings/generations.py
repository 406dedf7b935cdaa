"""The two generations of the file made one: an item of `registries` may be a registry, or a source and its registry.

Owns the translation of a checked Document into Settings, with the fallbacks that depend on other fields.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.core.settings.server_tree import AuditSettings, DatabaseSettings
from app.core.settings.source_tree import RegistryItemSettings, RegistrySettings, SourceSettings
from app.core.settings.tree import Document, RootSettings, Settings


def has_own_source(item: RegistryItemSettings, document: Document) -> bool:
    """Tell whether the item is written in the v0.4.9 style, in which it stands for a source and its registry.

    An item without anything but a name is ambiguous; then the file's other contents decide what is missing from it.
    """
    if "sources" in item.model_fields_set:
        return False
    return bool(item.kinds) or not document.sources


def build_settings(document: Document, warnings: Iterable[str]) -> Settings:
    """Translate a document that keeps all rules."""
    common = {name: getattr(document, name) for name in RootSettings.model_fields}
    own = [item for item in document.registries if has_own_source(item, document)]
    common["sources"] = (*document.sources, *(_take_source(item) for item in own))
    common["database"] = _complete_database(document.database) if document.database is not None else None
    common["audit"] = _complete_audit(document.audit)
    registries = tuple(_build_registry(item, item in own) for item in document.registries)
    if not registries:
        registries = tuple(_build_registry(source, True) for source in document.sources)
    return Settings(**common, registries=registries, warnings=tuple(warnings))


def _take_source(item: RegistryItemSettings) -> SourceSettings:
    return SourceSettings.model_validate({name: getattr(item, name) for name in SourceSettings.model_fields})


def _build_registry(item: SourceSettings, is_own_source: bool) -> RegistrySettings:
    if is_own_source or not isinstance(item, RegistryItemSettings):
        return RegistrySettings(name=item.name, sources=(item.name,), claims=item.claims)
    # A repeated name counts where it stands last, as in the reference implementation.
    last_first = dict.fromkeys(reversed(item.sources))
    return RegistrySettings(name=item.name, sources=tuple(reversed(last_first)), claims=item.claims)


def _complete_database(database: DatabaseSettings) -> DatabaseSettings:
    user = database.migration_user or database.user
    password = database.migration_password
    if password is None and user == database.user:
        password = database.password
    return database.model_copy(update={"migration_user": user, "migration_password": password})


def _complete_audit(audit: AuditSettings) -> AuditSettings:
    default = AuditSettings().max_data_size
    return audit.model_copy(update={"max_data_size": audit.max_data_size or default})
