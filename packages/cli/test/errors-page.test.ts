import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { diagnosticCodes } from "@umbra/envoy-config";
import { requestErrorCodes } from "@umbra/sidecar";

const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
const localReply = readFileSync(
  new URL("../../envoy-config/src/bootstrap/local-reply.ts", import.meta.url),
  "utf8",
);

test("docs/errors.md has every code, and no other", () => {
  const documented = [...page.matchAll(/^\| `([A-Za-z0-9_]+)`\s*\|/gm)].map(([, code]) => code);
  const byEnvoy = [...localReply.matchAll(/^ {4}code: "([a-z_]+)"/gm)].map(([, code]) => code);
  const known = new Set([...requestErrorCodes, ...byEnvoy, ...Object.keys(diagnosticCodes)]);
  expect(documented.toSorted()).toEqual([...known].toSorted());
});
