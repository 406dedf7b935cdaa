// A variable of the scalar JSON may be any value. GraphiQL's check of variables takes objects and lists for mistakes
// there, and would underline every server.json.

import CodeMirror from "codemirror";
import "codemirror-graphql/esm/variables/lint.js";

type Check = (...given: unknown[]) => { message: string }[];

const NAME = "graphql-variables";
const UNFOUNDED = /^Expected value of type "JSON"/;

const { lint } = CodeMirror as unknown as { lint: Record<string, Check> };
const check = lint[NAME];

if (check) {
  CodeMirror.registerHelper("lint", NAME, (...given: unknown[]) =>
    check(...given).filter(({ message }) => !UNFOUNDED.test(message)),
  );
}
