"""Loading: file, environment and flags in, checked Settings out. Owns the order of the steps and no step itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.core.errors import ConfigError
from app.core.settings.document import read_document
from app.core.settings.draft import Draft, Loc, Value, format_loc
from app.core.settings.environment import apply_environment, apply_overrides, settle_log_level
from app.core.settings.generations import build_settings
from app.core.settings.rules import check_document
from app.core.settings.tree import Document, Settings
from app.core.settings.values import SENTENCE
from app.core.settings.written import write_draft


def load_settings(path: Path, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> Settings:
    """Load the configuration; later wins: defaults, file, environment variables, overrides by dotted path.

    Raises ConfigError with every problem that can be told from one look: a file that is no YAML has only that one, a
    readable file has one for each unknown key, unusable value and broken rule.
    """
    draft = write_draft(read_document(path))
    apply_environment(draft, environ)
    apply_overrides(draft, overrides or {})
    settle_log_level(draft)
    document = _parse(draft)
    check_document(draft, document)
    if draft.problems:
        raise ConfigError(draft.sorted_problems())
    return build_settings(document, draft.warnings)


def _parse(draft: Draft) -> Document:
    """Type the values. What cannot be typed is reported and left out, so that the rules can judge the rest."""
    while True:
        try:
            return Document.model_validate(draft.data)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
        for fault in faults:
            _report(draft, fault)
        dropped = [_drop(draft.data, fault["loc"]) for fault in faults]
        if not any(dropped):
            raise ConfigError(draft.sorted_problems())


def _report(draft: Draft, fault: ErrorDetails) -> None:
    loc = fault["loc"]
    context = fault.get("ctx", {})
    owner, rest = _find_owner(draft.data, loc)
    message = fault["msg"]
    if fault["type"] == SENTENCE:
        message = f"{owner}{message}"
    elif (claim := _find_claim(rest)) is not None:
        place = "" if owner else f"{format_loc(rest[:-1])}: "
        message = f'{owner}{place}claim "{claim}": {message}'
    else:
        message = f"{owner}{format_loc(rest)} {message}"
    draft.refuse(loc, message, str(context.get("fix", "")))


def _find_owner(data: Value, loc: Loc) -> tuple[str, Loc]:
    """Name the source or registry a value belongs to, as the reference does; also give the path inside it."""
    if len(loc) < 2 or loc[0] not in ("sources", "registries") or not isinstance(loc[1], int):
        return "", loc
    items = data.get(str(loc[0])) if isinstance(data, dict) else None
    item = items[loc[1]] if isinstance(items, list) else None
    name = item.get("name", "") if isinstance(item, dict) else ""
    is_view = isinstance(item, dict) and "sources" in item
    word = "source" if loc[0] == "sources" else ("registries" if is_view else "registry")
    return f"{word}[{loc[1]}] ({name}): ", loc[2:]


def _find_claim(rest: Loc) -> str | None:
    """The claim's name where the value is one of a claim map: below `claims`, or of a role's list of maps."""
    is_claim = rest[:-1] == ("claims",) or rest[:3] == ("auth", "authz", "roles")
    return str(rest[-1]) if is_claim else None


def _drop(data: Value, loc: Loc) -> bool:
    """Remove the value from the innermost mapping that holds it; a list keeps its length. Tell whether it was there."""
    node: Value = data
    holder: tuple[dict[str, Value], str] | None = None
    for part in loc:
        if isinstance(node, dict):
            if part not in node:
                return False
            holder = (node, str(part))
            node = node[str(part)]
        elif isinstance(node, list) and isinstance(part, int):
            node = node[part]
    if holder is None:
        return False
    del holder[0][holder[1]]
    return True
