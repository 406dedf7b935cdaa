// How the package is used; the type checker reads it, nothing runs it. Each line under an expected error is a mistake
// that must not compile.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import {
  ActivityDocument,
  CatalogueDocument,
  type CatalogueQuery,
  type ChangeDetailFragment,
  findDocumentId,
  LiveActivityDocument,
  PublishServerDocument,
  type ServerCardFragment,
  ServerDetailDocument,
  trustedDocumentIds,
} from "./index.ts";

declare function execute<Result, Variables>(
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
): Promise<Result>;
declare function subscribe<Result, Variables>(
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
): AsyncIterable<Result>;

export async function readCatalogue(): Promise<readonly string[]> {
  const found: CatalogueQuery = await execute(CatalogueDocument, {
    search: "postgres",
    where: { updatedAt: { gt: "2026-01-01T00:00:00Z" } },
    orderBy: { field: "UPDATED_AT", direction: "DESC" },
  });
  const cards: readonly ServerCardFragment[] = found.servers.edges.map((edge) => edge.node);
  // @ts-expect-error A card may have no title.
  const titles: string[] = cards.map((card) => card.title);
  // @ts-expect-error No server has this.
  cards.map((card) => card.colour);
  return [...titles, ...found.servers.facets.tags.map((facet) => `${facet.value} (${facet.count.toFixed()})`)];
}

export async function readServer() {
  // @ts-expect-error The name is required.
  await execute(ServerDetailDocument, {});
  // @ts-expect-error The name is a text.
  await execute(ServerDetailDocument, { name: 1 });
  const { server } = await execute(ServerDetailDocument, { name: "io.github.acme/db" });
  // @ts-expect-error There may be no such server.
  return server.latest;
}

export async function publish(document: unknown): Promise<string | undefined> {
  const { publishServer } = await execute(PublishServerDocument, { input: { registry: "house", document } });
  // @ts-expect-error Results are not to be changed.
  publishServer.errors = [];
  return publishServer.errors[0]?.message ?? publishServer.serverVersion?.publishedAt;
}

export async function* follow(): AsyncGenerator<ChangeDetailFragment> {
  const { catalogChanges } = await execute(ActivityDocument, { last: 50 });
  yield* catalogChanges.nodes;
  for await (const event of subscribe(LiveActivityDocument, { after: catalogChanges.pageInfo.endCursor })) {
    yield event.catalogChanges;
  }
}

export const ids: readonly string[] = [findDocumentId(CatalogueDocument), trustedDocumentIds.Catalogue];
