"""The block `graphql`, typed: what an operation may ask for, and which ones run at all.

Owns shape and defaults; what must hold of them is in graphql_rules.
"""

from __future__ import annotations

from app.core.settings.values import Block, Flag, Whole


class GraphQLSettings(Block):
    max_depth: Whole = 20
    """Most fields inside each other; introspection does not count."""

    max_aliases: Whole = 50
    """Most aliases of an operation, its fragments written out."""

    max_tokens: Whole = 2000
    """Most tokens of a document."""

    max_cost: Whole = 15_000
    """Most objects that an operation may ask for; its pages and lists multiply what they hold."""

    introspection: Flag = True
    """Whether clients may ask for the schema. Without it, messages suggest no names either."""

    max_batched_operations: Whole = 1
    """Most operations of one request that is a list of them; 1 refuses lists."""

    trusted_documents: str = ""
    """Absolute path of a manifest of trusted documents; left out, the one that comes with the server."""

    trusted_documents_only: Flag = False
    """Whether only trusted documents are executed."""

    explorer: Flag = True
    """Whether browsers get a page to explore the API on at `/graphql`."""
