"""The file's YAML nodes turned into a draft: official spelling of the keys, text for every scalar, a line for each.

Owns the case of keys, null as absence, unknown keys and wrong shapes. What a text means is left to its value type.
"""

from __future__ import annotations

from difflib import get_close_matches

import yaml

from app.core.settings.document import BOOL_TAG, FLOAT_TAG, INT_TAG, NULL_TAG
from app.core.settings.draft import Draft, Loc, Value, format_loc
from app.core.settings.fields import Field, Shape, list_fields
from app.core.settings.tree import Document
from app.core.settings.values import Block

_STAND_INS: dict[str, Value] = {NULL_TAG: None, BOOL_TAG: False, INT_TAG: 0, FLOAT_TAG: 0.0}
_NOUNS = {yaml.ScalarNode: "a single value", yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}


def write_draft(root: yaml.MappingNode) -> Draft:
    """Turn the root mapping into a draft of a Document; what does not fit its shape is left out and reported."""
    draft = Draft()
    draft.data = _read_mapping(draft, root, Document, ())
    return draft


def _read_mapping(draft: Draft, node: yaml.MappingNode, block: type[Block], loc: Loc) -> dict[str, Value]:
    known = {field.key.lower(): field for field in list_fields(block)}
    data: dict[str, Value] = {}
    for key, value_node in node.value:
        field = known.get(key.value.lower())
        if field is None:
            _refuse_key(draft, key, known, loc)
            continue
        here = (*loc, field.key)
        if here in draft.lines:
            first = draft.lines[here]
            draft.lines[here] = key.start_mark.line + 1
            draft.refuse(here, f"duplicate key '{key.value}', first on line {first}", "keep one of them")
            continue
        draft.lines[here] = key.start_mark.line + 1
        value = _read_value(draft, value_node, field, here)
        if value is not None:
            data[field.key] = value
    return data


def _refuse_key(draft: Draft, key: yaml.ScalarNode, known: dict[str, Field], loc: Loc) -> None:
    near = get_close_matches(key.value.lower(), known, n=1, cutoff=0.7)
    homes = [] if near else _find_homes(Document, key.value.lower())
    here = (*loc, key.value)
    draft.lines[here] = key.start_mark.line + 1
    if near:
        fix = f"did you mean {known[near[0]].key}?"
    elif homes:
        fix = f"it is known at {', '.join(homes[:3])}"
    else:
        fix = "remove it; known here: " + ", ".join(field.key for field in known.values()) if known else "remove it"
    draft.refuse(here, f"unknown key '{key.value}'", fix)
    if near:
        # The mistyped key stands for the right one: nobody should be told in addition that the right one is missing.
        draft.spoilt.add((*loc, known[near[0]].key))


def _find_homes(block: type[Block], key: str, path: str = "") -> list[str]:
    homes: list[str] = []
    for field in list_fields(block):
        here = f"{path}{field.key}"
        if field.key.lower() == key:
            homes.append(here)
        if field.shape in (Shape.MAPPING, Shape.MAPPINGS):
            homes.extend(_find_homes(field.block, key, f"{here}." if field.shape is Shape.MAPPING else f"{here}[]."))
    return homes


def _read_value(draft: Draft, node: yaml.Node, field: Field, loc: Loc) -> Value:
    """Read a value by the field's shape; None means absent, because of a null or of a reported problem."""
    if node.tag == NULL_TAG:
        return None
    if field.shape is Shape.SCALARS and isinstance(node, yaml.ScalarNode):
        return str(node.value)
    wanted: dict[Shape, type[yaml.Node]] = {
        Shape.SCALAR: yaml.ScalarNode,
        Shape.MAPPING: yaml.MappingNode,
        Shape.TEXTS: yaml.MappingNode,
        Shape.CLAIMS: yaml.MappingNode,
    }
    kind = wanted.get(field.shape, yaml.SequenceNode)
    if isinstance(node, kind):
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [_read_item(draft, item, field, (*loc, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return _read_keys(draft, node, field, loc)
    _refuse_shape(draft, node, kind, loc)
    return None


def _read_keys(draft: Draft, node: yaml.MappingNode, field: Field, loc: Loc) -> dict[str, Value]:
    if field.shape is Shape.TEXTS:
        return _read_texts(draft, node, loc)
    if field.shape is Shape.CLAIMS:
        return _read_claims(draft, node, loc)
    return _read_mapping(draft, node, field.block, loc)


def _read_item(draft: Draft, node: yaml.Node, field: Field, loc: Loc) -> Value:
    """Read an item of a list. An unusable item keeps its place, so that the indexes of the others stay true."""
    draft.lines[loc] = node.start_mark.line + 1
    if field.shape is Shape.SCALARS:
        text = _read_given(draft, node, loc)
        return "-" if text is None else text
    if isinstance(node, yaml.MappingNode):
        is_claims = field.shape is Shape.CLAIM_MAPS
        return _read_claims(draft, node, loc) if is_claims else _read_mapping(draft, node, field.block, loc)
    _refuse_shape(draft, node, yaml.MappingNode, loc)
    return {}


def _read_texts(draft: Draft, node: yaml.MappingNode, loc: Loc) -> dict[str, Value]:
    """Read a mapping whose keys are free and keep their case; a key without a value is a mistake."""
    texts: dict[str, Value] = {}
    for key, value_node in node.value:
        here = (*loc, key.value)
        draft.lines[here] = key.start_mark.line + 1
        text = _read_given(draft, value_node, here)
        if text is not None:
            texts[key.value] = text
    return texts


def _read_given(draft: Draft, node: yaml.Node, loc: Loc) -> str | None:
    """Read a text that must not be empty; None if it cannot be used, which is reported."""
    if isinstance(node, yaml.ScalarNode) and node.tag != NULL_TAG and node.value != "":
        return str(node.value)
    _refuse_shape(draft, node, yaml.ScalarNode, loc)
    return None


def _read_claims(draft: Draft, node: yaml.MappingNode, loc: Loc) -> dict[str, Value]:
    claims: dict[str, Value] = {}
    for key, value_node in node.value:
        draft.lines[(*loc, key.value)] = key.start_mark.line + 1
        if isinstance(value_node, yaml.SequenceNode):
            claims[key.value] = [_read_claim(item) for item in value_node.value]
        else:
            claims[key.value] = _read_claim(value_node)
    return claims


def _read_claim(node: yaml.Node) -> Value:
    """Read a string; anything else becomes a stand-in of its type, which is all that the refusal needs to know."""
    if isinstance(node, yaml.ScalarNode):
        return _STAND_INS[node.tag] if node.tag in _STAND_INS else str(node.value)
    return [] if isinstance(node, yaml.SequenceNode) else {}


def _refuse_shape(draft: Draft, node: yaml.Node, kind: type[yaml.Node], loc: Loc) -> None:
    found = "nothing" if node.tag == NULL_TAG or node.value == "" else _NOUNS[type(node)]
    fixes = {
        yaml.ScalarNode: "write one value after the key",
        yaml.SequenceNode: "write items that begin with a hyphen, or [a, b]",
        yaml.MappingNode: "write keys below it, or {} for the defaults",
    }
    draft.refuse(loc, f"{format_loc(loc)} must be {_NOUNS[kind]}, found {found}", fixes[kind])
