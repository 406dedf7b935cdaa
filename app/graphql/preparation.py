"""From a request to an operation that may run: parsed, within the limits, valid, its variables read, its cost known.

All transports come through here, so that what holds of one holds of all. Documents are kept, so that the next request
with the same text only has its variables to look at. Owns the order of the steps, not the steps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql import OperationType as Kind

from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.limits.amounts import MAX_INTROSPECTION, MAX_VALUES, Limits
from app.graphql.limits.checks import check_length, check_sizes, parse_document, validate_document
from app.graphql.limits.costs import Counter
from app.graphql.limits.measures import Measures, size_up
from app.graphql.limits.variables import read_variables
from app.graphql.trusted import TrustedDocuments

KEPT_CHARACTERS = 2**17
"""Of the documents that are kept; what is parsed from them takes up to 300 times as much memory, so 40 MB at most."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent. `kinds` are those of operations that may come this way."""

    text: str | None
    variables: Mapping[str, Any]
    operation_name: str | None
    kinds: Collection[Kind]


@dataclass(frozen=True, slots=True)
class Operation:
    """What may run."""

    document: DocumentNode
    node: OperationDefinitionNode
    cost: int


@dataclass(frozen=True, slots=True)
class _Checked:
    """A document that was looked at once. With errors it is never run; the document itself is not kept then."""

    document: DocumentNode | None
    operations: tuple[tuple[OperationDefinitionNode, Measures], ...]
    fragments: Mapping[str, FragmentDefinitionNode]
    errors: tuple[GraphQLError, ...] = ()


class Preparation:
    """For one schema. `trusted_only`: refuse every text that is not in `trusted`."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, trusted: TrustedDocuments, *, trusted_only: bool) -> None:
        self.limits = limits
        self._schema = schema
        self._trusted = trusted
        self._trusted_only = trusted_only
        self._kept = _Kept(KEPT_CHARACTERS)
        self._kept_trusted: dict[str, _Checked] = {}

    def prepare(self, request: Request) -> Operation:
        """Raises Refusal with every reason why the request is not executed."""
        if not request.text:
            raise Refusal(RequestError(Code.BAD_USER_INPUT, "query is missing: the text of the operation"))
        if self._trusted_only and not self._trusted.holds(request.text):
            message = "only trusted documents are executed here (graphql.trustedDocumentsOnly); send a documentId"
            raise Refusal(RequestError(Code.DOCUMENT_NOT_TRUSTED, message))
        check_length(request.text, self.limits)
        checked = self._check(request.text)
        if checked.errors or checked.document is None:
            raise Refusal(*checked.errors)
        node, measures = _choose(checked, request.operation_name)
        self._admit(node, measures, request.kinds)
        variables = read_variables(self._schema, node, request.variables, suggest=self.limits.introspection)
        return Operation(checked.document, node, self._count(checked, node, variables))

    def _check(self, text: str) -> _Checked:
        kept = self._kept_trusted.get(text) or self._kept.get(text)
        if kept is not None:
            return kept
        try:
            checked = self._check_anew(text)
        except Refusal as refusal:
            checked = _Checked(None, (), {}, tuple(refusal.errors))
        if self._trusted.holds(text):
            self._kept_trusted[text] = checked
        else:
            self._kept.put(text, checked)
        return checked

    def _check_anew(self, text: str) -> _Checked:
        document = parse_document(text, self.limits)
        sizes = size_up(document)
        check_sizes(sizes, self.limits)
        errors = validate_document(self._schema, document, self.limits)
        if errors:
            raise Refusal(*errors)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        return _Checked(document, tuple(sizes.operations), fragments)

    def _admit(self, node: OperationDefinitionNode, measures: Measures, kinds: Collection[Kind]) -> None:
        if measures.introspects and not self.limits.introspection:
            message = "the schema cannot be asked for here (graphql.introspection is false)"
            raise Refusal(RequestError(Code.INTROSPECTION_DISABLED, message))
        if node.operation in kinds:
            return
        if node.operation is Kind.SUBSCRIPTION:
            message = (
                "subscriptions are streamed: send Accept: text/event-stream, "
                "or open a WebSocket with the protocol graphql-transport-ws"
            )
            raise Refusal(RequestError(Code.SUBSCRIPTION_NOT_STREAMED, message))
        message = "only queries can be sent by GET; send mutations by POST"
        raise Refusal(RequestError(Code.METHOD_NOT_ALLOWED, message, status=405, headers={"Allow": "POST"}))

    def _count(self, checked: _Checked, node: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        counter = Counter(self._schema, checked.fragments, variables)
        found = counter.count(node)
        cost, most = found.objects, self.limits.max_cost
        message = None
        if cost > most:
            message = f"the operation asks for up to {cost} objects; {most} at most (graphql.maxCost)"
        elif found.values > MAX_VALUES:
            message = f"the answer may hold {found.values} values; {MAX_VALUES} at most"
        elif counter.introspected > MAX_INTROSPECTION:
            message = f"the introspection asks for up to {counter.introspected} objects; {MAX_INTROSPECTION} at most"
        if message is not None:
            reason = RequestError(Code.TOO_COMPLEX, f"{message}: select less, or take smaller pages")
            raise Refusal(reason, extensions=tell_cost(cost, most))
        return cost


def tell_cost(requested: int, most: int) -> dict[str, Any]:
    """As every answer says it, next to the data."""
    return {"cost": {"requested": requested, "maximum": most}}


def _choose(checked: _Checked, name: str | None) -> tuple[OperationDefinitionNode, Measures]:
    if name is None and len(checked.operations) == 1:
        return checked.operations[0]
    for node, measures in checked.operations:
        if name is not None and node.name is not None and node.name.value == name:
            return node, measures
    if not checked.operations:
        message = "the document holds no operation"
    elif name is None:
        message = f"the document holds {len(checked.operations)} operations; name one of them as operationName"
    else:
        message = f"operationName: the document holds no operation {name[:100]!r}"
    raise Refusal(RequestError(Code.OPERATION_UNKNOWN, message))


class _Kept:
    """The documents that were used last, as many as their texts have room for."""

    def __init__(self, characters: int) -> None:
        self._room = characters
        self._found: OrderedDict[str, _Checked] = OrderedDict()

    def get(self, text: str) -> _Checked | None:
        if text not in self._found:
            return None
        self._found.move_to_end(text)
        return self._found[text]

    def put(self, text: str, checked: _Checked) -> None:
        if len(text) > KEPT_CHARACTERS // 4:
            return  # one client's text would push out those of all others
        self._found[text] = checked
        self._room -= len(text)
        while self._room < 0:
            dropped, _ = self._found.popitem(last=False)
            self._room += len(dropped)
