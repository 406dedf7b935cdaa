// The tabs of somebody's first visit: the operations of this release, with variables for which they find something.

import { authorise, send } from "./fetcher";
import type { Example } from "./page";

export interface Tab {
  query: string;
  variables?: string;
}

interface Known {
  name: string;
  document: unknown;
}

const NOTHING: Known = {
  name: "io.github.example/weather",
  document: { name: "io.github.example/weather", description: "Tells the weather", version: "1.0.0" },
};
const FIRST_SERVER = "{ servers(first: 1) { nodes { name latest { document } } } }";
const PATIENCE_MS = 3000;

/** Whether no tabs are kept from an earlier visit. */
export function isFirstVisit(): boolean {
  return localStorage.getItem("graphiql:tabState") === null;
}

export async function makeTabs(examples: Example[], token: string): Promise<Tab[]> {
  const { name, document } = await findServer(token);
  const variables: Record<string, object> = { server: { name }, publish: { document } };
  return examples.map((example) => ({
    query: example.text,
    variables: example.name in variables ? JSON.stringify(variables[example.name], null, 2) : undefined,
  }));
}

async function findServer(token: string): Promise<Known> {
  try {
    const answer = await send({ query: FIRST_SERVER }, authorise(token), AbortSignal.timeout(PATIENCE_MS));
    const data = answer.data as { servers: { nodes: { name: string; latest: { document: unknown } }[] } } | null;
    const [first] = data?.servers.nodes ?? [];
    return first ? { name: first.name, document: first.latest.document } : NOTHING;
  } catch {
    return NOTHING; // the examples are worth showing even while the server does not answer
  }
}
