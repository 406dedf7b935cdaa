// What the package offers: the types and documents of every operation, and the ids of those that a server trusts.

export { findDocumentId } from "./document.ts";
export * from "./generated/operations.ts";
export { trustedDocumentIds } from "./generated/trusted.ts";
