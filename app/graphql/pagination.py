"""Relay connections over pages: edges, nodes, page info, a total that is counted only when it is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import strawberry
from graphql import FieldNode, InlineFragmentNode
from strawberry.types import Info

from app.core.errors import Invalid
from app.core.opaque import decode_opaque, encode_opaque
from app.models.queries import Key, Window
from app.models.views import Page

T = TypeVar("T")
V = TypeVar("V")

DEFAULT_FIRST = 20
MAX_FIRST = 100

First = Annotated[int | None, strawberry.argument(description="How many from the start, 1 to 100; 20 if absent.")]
After = Annotated[str | None, strawberry.argument(description="Only items after this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, 1 to 100.")]
Before = Annotated[str | None, strawberry.argument(description="Only items before this cursor.")]

Places = tuple[int | None, str | None, int | None, str | None]
"""first, after, last, before."""


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow the last one of this page.")
    has_previous_page: bool = strawberry.field(description="Whether items go before the first one of this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item; give it as `before`.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item; give it as `after`.")


@strawberry.type(description="An item of a list with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="The item's place in the list.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The items alone, for when no cursor of a single item is needed.")
    def nodes(self) -> list[T]:
        return [edge.node for edge in self.edges]

    @strawberry.field(description="How many items the whole list has. Counted only when it is selected.")
    async def total_count(self) -> int:
        return await self.count()


def window(
    first: int | None, after: str | None, last: int | None, before: str | None, *, listed_by: Any = None
) -> Window:
    """The window that Relay's arguments ask for. `listed_by`: the arguments that make the list what it is; a cursor of
    another list is refused. Raises Invalid, naming the argument."""
    if first is not None and last is not None:
        raise Invalid("give either first or last, not both")
    limit = last if last is not None else first if first is not None else DEFAULT_FIRST
    if not 1 <= limit <= MAX_FIRST:
        raise Invalid(f"{'last' if last is not None else 'first'} must be from 1 to {MAX_FIRST}, not {limit}")
    return Window(limit, _key("after", after, listed_by), _key("before", before, listed_by), last is not None)


NOTHING: Final[Page[Any]] = Page((), has_next=False, has_previous=False)
"""In place of a page that nobody selected."""

_OF_PAGE: Final = frozenset({"edges", "nodes", "pageInfo"})


def selects_page(info: Info[Any, Any]) -> bool:
    """Whether the operation selects anything of the connection's page, so that it has to be read."""
    raw = info._raw_info
    stack: list[Any] = [s for node in raw.field_nodes if node.selection_set for s in node.selection_set.selections]
    fragments: set[str] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, FieldNode):
            if node.name.value in _OF_PAGE:
                return True
        elif isinstance(node, InlineFragmentNode):
            stack += node.selection_set.selections
        elif node.name.value not in fragments:
            fragments.add(node.name.value)
            stack += raw.fragments[node.name.value].selection_set.selections
    return False


def connect(
    page: Page[V],
    cursors: Sequence[str],
    make: Callable[[V], T],
    count: Callable[[], Awaitable[int]],
) -> Connection[T]:
    edges = [Edge(cursor=cursor, node=make(item)) for cursor, item in zip(cursors, page.items, strict=True)]
    return Connection(edges=edges, page_info=page_info(page, cursors), count=count)


def page_info(page: Page[Any], cursors: Sequence[str]) -> PageInfo:
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )


def connect_all(
    items: Sequence[V], name: Callable[[V], str], make: Callable[[V], T], chosen: Window, listed_by: Any = None
) -> Connection[T]:
    """A page of a list that is read whole because it is short and ordered by a unique name (sources, registries).
    `listed_by` as for `window`."""
    after, before = (place[0] if place else None for place in (chosen.after, chosen.before))
    kept = [i for i in items if (after is None or name(i) > str(after)) and (before is None or name(i) < str(before))]
    shown = kept[-chosen.limit :] if chosen.backward else kept[: chosen.limit]
    page = Page(
        tuple(shown),
        has_next=bool(shown) and name(shown[-1]) != name(items[-1]),
        has_previous=bool(shown) and name(shown[0]) != name(items[0]),
    )

    async def count() -> int:
        return len(items)

    return connect(page, [cursor((name(item),), listed_by) for item in shown], make, count)


def cursor(key: Key, listed_by: Any = None) -> str:
    return encode_opaque([list(key), listed_by])


def _key(argument: str, text: str | None, listed_by: Any) -> Key | None:
    if text is None:
        return None
    match decode_opaque(text, argument):
        case [list(key), owner] if owner == listed_by and all(type(part) in (str, int) for part in key):
            return tuple(key)
    raise Invalid(f"{argument} is a cursor of another list; start again without it")
