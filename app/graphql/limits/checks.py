"""Holds a document against the limits, in the order in which the next step would become dear."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import ASTValidationRule, MaxIntrospectionDepthRule
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.limits.amounts import (
    MAX_ARGUMENTS,
    MAX_COMPARISONS,
    MAX_DEFINITIONS,
    MAX_DIGITS,
    MAX_DIRECTIVES,
    MAX_ERRORS,
    MAX_FIELDS,
    MAX_ITEMS,
    MAX_NESTING,
    MAX_ROOT_FIELDS,
    MAX_VARIABLES,
    Limits,
)
from app.graphql.limits.measures import Measures, Sizes

# The library reads its own bound from here. At its default, two thousand tokens keep a processor busy for a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = MAX_COMPARISONS

RULES: tuple[type[ASTValidationRule], ...] = (
    *specified_rules,
    MaxIntrospectionDepthRule,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


def check_length(text: str, limits: Limits) -> None:
    """Raises Refusal for a text that is not to be looked at, nor to be remembered."""
    if len(text) > limits.max_length:
        message = (
            f"the document is {len(text)} characters long; {limits.max_length} at most (16 for each of "
            "graphql.maxTokens): give large values as variables"
        )
        raise Refusal(RequestError(Code.TOO_LONG, message))


def parse_document(text: str, limits: Limits) -> DocumentNode:
    """Raises Refusal for a text that is no document, or one of too many tokens."""
    try:
        return parse(text, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
    except GraphQLSyntaxError as error:
        raise Refusal(_name_syntax_error(error, limits)) from error


def _name_syntax_error(error: GraphQLSyntaxError, limits: Limits) -> RequestError:
    """The parser has one class for all it gives up on."""
    if "nested too deeply" in error.message:
        return RequestError(Code.TOO_DEEP, "the document is nested too deeply to be read", about=error)
    if error.message.endswith("Parsing aborted."):
        what = "comments" if "comments" in error.message else "tokens"
        message = f"the document has more than {limits.max_tokens} {what} (graphql.maxTokens)"
        return RequestError(Code.TOO_MANY_TOKENS, message, about=error)
    return RequestError(Code.PARSE_FAILED, error.message, about=error)


def check_sizes(sizes: Sizes, limits: Limits) -> None:
    """Raises Refusal for a document that is not to be validated, with every limit it exceeds."""
    if sizes.cycle:
        names = ", ".join(f'"{name}"' for name in sizes.cycle)
        raise Refusal(RequestError(Code.VALIDATION_FAILED, f"these fragments spread each other in a circle: {names}"))
    most_variables = max((len(node.variable_definitions or ()) for node, _ in sizes.operations), default=0)
    found = [
        (Code.TOO_MANY_DEFINITIONS, sizes.definitions, MAX_DEFINITIONS, "operations and fragments", ""),
        (Code.TOO_MANY_FIELDS, sizes.fields, MAX_FIELDS, "fields", ""),
        (Code.TOO_MANY_DIRECTIVES, sizes.directives, MAX_DIRECTIVES, "directives", ""),
        (Code.TOO_MANY_ITEMS, sizes.most_arguments, MAX_ARGUMENTS, "arguments in one place", ""),
        (Code.TOO_MANY_ITEMS, sizes.longest_list, MAX_ITEMS, "items in one list", ""),
        (Code.TOO_LONG, sizes.longest_number, MAX_DIGITS, "digits in one number", ""),
        (Code.TOO_MANY_ITEMS, most_variables, MAX_VARIABLES, "variables in one operation", ""),
    ]
    for _, total in sizes.operations:
        found += _measured(total, limits)
    for measures in sizes.fragments.values():
        found.append((Code.TOO_DEEP, measures.nesting, MAX_NESTING, "selections inside each other", ""))
    errors = list(dict.fromkeys(_exceeded(found)))
    if errors:
        raise Refusal(*(RequestError(code, message) for code, message in errors[:MAX_ERRORS]))


_Amount = tuple[Code, int, int, str, str]
"""The code, what was found, the most there may be, of what, and the setting for it."""


def _measured(total: Measures, limits: Limits) -> list[_Amount]:
    return [
        (Code.TOO_DEEP, total.depth, limits.max_depth, "fields inside each other", "maxDepth"),
        (Code.TOO_DEEP, total.nesting, MAX_NESTING, "selections inside each other", ""),
        (Code.TOO_MANY_ALIASES, total.aliases, limits.max_aliases, "aliases", "maxAliases"),
        (Code.TOO_MANY_FIELDS, total.fields, MAX_FIELDS, "fields with its fragments written out", ""),
        (Code.TOO_MANY_FIELDS, total.root_fields, MAX_ROOT_FIELDS, "fields at the top of an operation", ""),
    ]


def _exceeded(found: list[_Amount]) -> Iterator[tuple[Code, str]]:
    for code, number, most, what, setting in found:
        if number > most:
            shown = str(number) if number < 10**9 else "billions of"  # doubling fragments reach any number
            where = f" (graphql.{setting})" if setting else ""
            yield code, f"the document has {shown} {what}; {most} at most{where}"


def validate_document(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> list[RequestError]:
    """What is wrong with the document by the rules of GraphQL, the first few."""
    found = validate(schema, document, RULES, max_errors=MAX_ERRORS, hide_suggestions=not limits.introspection)
    return [_name_validation_error(error) for error in found]


def _name_validation_error(error: GraphQLError) -> RequestError:
    if isinstance(error, ValidationAbortedError) and "error limit" not in error.message:
        message = "the document has too many fields of the same name to compare; use fewer of them"
        return RequestError(Code.TOO_COMPLEX, message)
    if error.message == "Maximum introspection depth exceeded":
        return RequestError(Code.TOO_DEEP, "the introspection nests lists too deeply", about=error)
    return RequestError(Code.VALIDATION_FAILED, error.message, about=error)
