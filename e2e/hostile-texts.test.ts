import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import { attacks } from "../packages/envoy-config/test/hostile-texts.ts";

const envoy =
  process.env.ENVOY_BIN ?? fileURLToPath(new URL("../.cache/envoy/1.40.0/envoy", import.meta.url));

const backendRefs = [{ name: "service", port: 80 }];
const rewrite = (path: object) => [{ type: "URLRewrite", urlRewrite: { path } }];
const path = (type: string, value: string) => [{ path: { type, value } }];

/** Rules with a text at each place of an HTTPRoute that reaches Envoy. */
const rules: readonly ((text: string) => object)[] = [
  (text) => ({ matches: [{ headers: [{ name: "x-a", value: text }] }], backendRefs }),
  (text) => ({ matches: [{ headers: [{ name: text, value: "a" }] }], backendRefs }),
  (text) => ({
    matches: [{ headers: [{ name: "x-a", type: "RegularExpression", value: text }] }],
    backendRefs,
  }),
  (text) => ({ matches: [{ queryParams: [{ name: "q", value: text }] }], backendRefs }),
  (text) => ({ matches: [{ queryParams: [{ name: text, value: "q" }] }], backendRefs }),
  (text) => ({ matches: path("Exact", `/${text}`), backendRefs }),
  (text) => ({ matches: path("PathPrefix", `/${text}`), backendRefs }),
  (text) => ({ matches: path("RegularExpression", text), backendRefs }),
  (text) => ({
    filters: [
      {
        type: "RequestHeaderModifier",
        requestHeaderModifier: {
          set: [{ name: "x-a", value: text }],
          add: [{ name: "x-b", value: text }],
        },
      },
    ],
    backendRefs,
  }),
  (text) => ({
    filters: [
      {
        type: "RequestHeaderModifier",
        requestHeaderModifier: { set: [{ name: text, value: "a" }] },
      },
    ],
    backendRefs,
  }),
  (text) => ({
    filters: [{ type: "ResponseHeaderModifier", responseHeaderModifier: { remove: [text] } }],
    backendRefs,
  }),
  (text) => ({
    filters: rewrite({ type: "ReplaceFullPath", replaceFullPath: `/${text}` }),
    backendRefs,
  }),
  (text) => ({
    matches: path("PathPrefix", "/p"),
    filters: rewrite({ type: "ReplacePrefixMatch", replacePrefixMatch: `/${text}` }),
    backendRefs,
  }),
  (text) => ({ filters: [{ type: "URLRewrite", urlRewrite: { hostname: text } }], backendRefs }),
  (text) => ({
    filters: [
      {
        type: "RequestRedirect",
        requestRedirect: { path: { type: "ReplaceFullPath", replaceFullPath: `/${text}` } },
      },
    ],
  }),
  (text) => ({ filters: [{ type: "CORS", cors: { allowOrigins: [text] } }], backendRefs }),
  (text) => ({
    filters: [
      {
        type: "CORS",
        cors: {
          allowOrigins: ["https://a.example"],
          allowHeaders: [text],
          allowMethods: [text],
          exposeHeaders: [text],
        },
      },
    ],
    backendRefs,
  }),
];

function read(of: readonly object[]) {
  const gateway = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "gateway" },
    spec: { listeners: [{ name: "http", port: 8080, protocol: "HTTP" }] },
  };
  const route = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "route" },
    spec: { parentRefs: [{ name: "gateway" }], rules: of },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "service", annotations: { "umbra.dev/endpoints": "127.0.0.1:8000" } },
    spec: { ports: [{ port: 80 }] },
  };
  const text = [gateway, route, service].map((each) => JSON.stringify(each)).join("\n---\n");
  const { topology, diagnostics } = readTopology([{ name: "a", text }]);
  return { topology, isSound: diagnostics.every(({ severity }) => severity !== "error") };
}

test("Envoy takes every hostile text that is no error to us, and one is no reason to refuse the others", () => {
  const large = ["/[a-z]{1,100}", "/([a-z]{1,50}/){1,20}"];
  const kept = rules.flatMap((rule) =>
    [...attacks, ...large].map(rule).filter((each) => read([each]).isSound),
  );
  expect(kept.length).toBeGreaterThan(500);
  const { topology, isSound } = read(kept);
  expect(isSound).toBe(true);
  const file = join(mkdtempSync(join(tmpdir(), "umbra-hostile-")), "envoy.yaml");
  writeFileSync(file, renderBootstrap(topology));
  const args = ["--mode", "validate", "-c", file, "--log-level", "warning"];
  const { status, stderr } = spawnSync(envoy, args, { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
}, 120_000);
