"""What can be changed through GraphQL. Each module owns inputs and payloads; the rules are the resolvers'."""

from __future__ import annotations

import strawberry

from app.graphql.mutations.entries import EntryMutations
from app.graphql.mutations.registries import RegistryMutations
from app.graphql.mutations.sources import SourceMutations
from app.graphql.mutations.sync import SyncMutations


@strawberry.type(description="What can be changed. Sent by POST only.")
class Mutation(SyncMutations, RegistryMutations, SourceMutations, EntryMutations):
    pass
