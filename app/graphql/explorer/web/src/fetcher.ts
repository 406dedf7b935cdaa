// Sends operations: queries and mutations as one POST each, subscriptions as a stream of server-sent events. Both carry
// the token in the Authorization header, which a browser cannot add to a WebSocket.

import type { GraphiQL } from "graphiql";
import { type DocumentNode, getOperationAST } from "graphql";
import { createClient, NetworkError, type RequestParams } from "graphql-sse";
import type { ComponentProps } from "react";
import { endpoint } from "./page";

export type Fetcher = ComponentProps<typeof GraphiQL>["fetcher"];
type Result = Awaited<ReturnType<typeof send>>;

const ACCEPT = "application/graphql-response+json, application/json";

export function createFetcher(token: string): Fetcher {
  const fetcher = (params: RequestParams, options?: { headers?: unknown; documentAST?: DocumentNode }) => {
    const headers = { ...authorise(token), ...(options?.headers as Record<string, string> | undefined) };
    const operation = options?.documentAST && getOperationAST(options.documentAST, params.operationName);
    return operation?.operation === "subscription" ? subscribe(params, headers) : send(params, headers);
  };
  return fetcher as Fetcher;
}

/** Raises an Error with what the server said if that is not JSON. */
export async function send(params: RequestParams, headers: Record<string, string>, signal?: AbortSignal) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: ACCEPT, ...headers },
    body: JSON.stringify(params),
    signal,
  });
  return await read(response);
}

export function authorise(token: string): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function read(response: Response) {
  const text = await response.text();
  try {
    return JSON.parse(text) as { data?: unknown; errors?: readonly unknown[] };
  } catch {
    throw new Error(`The server answered ${response.status} ${response.statusText}: ${text.slice(0, 500)}`);
  }
}

function subscribe(params: RequestParams, headers: Record<string, string>): AsyncIterableIterator<Result> {
  const client = createClient({ url: endpoint, headers, retryAttempts: 0 });
  const events = client.iterate(params) as AsyncIterableIterator<Result>;
  let over = false;
  // No async generator: its return() would wait for the next event before it ends the stream.
  return {
    async next() {
      if (over) {
        return { done: true, value: undefined };
      }
      try {
        return await events.next();
      } catch (error) {
        over = true;
        return { done: false, value: await explain(error) };
      }
    },
    async return() {
      over = true;
      client.dispose();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** What the server says about a subscription that it refuses is in the body of its answer. */
async function explain(error: unknown): Promise<Result> {
  if (error instanceof NetworkError && error.response instanceof Response && !error.response.bodyUsed) {
    return await read(error.response);
  }
  throw error;
}
