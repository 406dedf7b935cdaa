// The documents as clients take them: parsed, each with the fragments it uses.

import { type DocumentNode, parse } from "graphql";
import { trustedDocumentIds } from "./generated/trusted.ts";

/** One document of an operation or fragment and the fragments that it names. */
export function gql(texts: TemplateStringsArray, ...fragments: readonly DocumentNode[]): DocumentNode {
  const own = parse(texts.join(""), { noLocation: true });
  return { ...own, definitions: [...own.definitions, ...fragments.flatMap((fragment) => fragment.definitions)] };
}

/**
 * What to send as `documentId` in place of the text. Raises an Error for a document that is not of this package: a
 * server that runs trusted documents only would refuse it.
 */
export function findDocumentId(document: DocumentNode): string {
  for (const definition of document.definitions) {
    const name = definition.kind === "OperationDefinition" ? definition.name?.value : undefined;
    if (name !== undefined && isTrusted(name)) {
      return trustedDocumentIds[name];
    }
  }
  throw new Error("the document holds no operation of this package");
}

function isTrusted(name: string): name is keyof typeof trustedDocumentIds {
  return Object.hasOwn(trustedDocumentIds, name);
}
