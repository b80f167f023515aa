import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { diagnosticCodes } from "@umbra/envoy-config";
import { requestErrorCodes } from "@umbra/sidecar/internal";

const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
const localReply = readFileSync(
  new URL("../../envoy-config/src/bootstrap/local-reply.ts", import.meta.url),
  "utf8",
);

test("docs/errors.md lists exactly the codes that clients can get", () => {
  const documented = [...page.matchAll(/^\| `([A-Za-z0-9_]+)`\s*\|/gm)].map(([, code]) => code);
  const byEnvoy = [...localReply.matchAll(/^ {4}code: "([a-z_]+)"/gm)].map(([, code]) => code);
  const known = new Set([...requestErrorCodes, ...byEnvoy]);
  expect(documented.toSorted()).toEqual([...known].toSorted());
});

test("docs/errors.md has a section and a row for exactly the codes of `umbra check`", () => {
  const known = Object.keys(diagnosticCodes);
  expect([...page.matchAll(/^### (\w+)$/gm)].map(([, code]) => code)).toEqual(known);
  const rows = [...page.matchAll(/^\| \[(\w+)\]\(#(\w+)\)/gm)];
  expect(rows.map(([, code]) => code)).toEqual(known);
  expect(rows.map(([, , anchor]) => anchor?.toUpperCase())).toEqual(known);
});
