import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { readTopology, renderBootstrap } from "@umbra/envoy-config";
import fc from "fast-check";
import { parse } from "yaml";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { attacks } from "./hostile-texts.ts";

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const poolRef = (name: string) => ({
  group: "inference.networking.k8s.io",
  kind: "InferencePool",
  name,
});

const pool = (name: string, endpoint: string): Json => ({
  apiVersion: "inference.networking.k8s.io/v1",
  kind: "InferencePool",
  metadata: { name, namespace: "default", annotations: { "umbra.dev/endpoints": endpoint } },
  spec: {
    selector: { matchLabels: { app: name } },
    targetPorts: [{ number: 8000 }],
    endpointPickerRef: { name: "umbra", port: { number: 9002 }, failureMode: "FailOpen" },
  },
});

const gateway: Json = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "gateway" },
  spec: {
    listeners: [{ name: "http", port: 8080, protocol: "HTTP", hostname: "*.example.com" }],
  },
};

const matches: Json = [
  {
    path: { type: "PathPrefix", value: "/v1" },
    method: "POST",
    headers: [{ name: "x-tier", value: "free" }],
    queryParams: [{ name: "tier", value: "free" }],
  },
];

const requestHeaders: Json = {
  type: "RequestHeaderModifier",
  requestHeaderModifier: {
    set: [{ name: "x-set", value: "set" }],
    add: [{ name: "x-add", value: "add" }],
    remove: ["x-remove"],
  },
};

const service: Json = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "service" },
  spec: { selector: { app: "service" }, ports: [{ name: "http", port: 80 }] },
};

/** Resources with a text at every place that reaches the bootstrap. */
const resources: readonly Json[] = [
  gateway,
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "route" },
    spec: {
      parentRefs: [{ name: "gateway" }],
      hostnames: ["chat.example.com"],
      rules: [
        {
          name: "all",
          matches,
          filters: [
            requestHeaders,
            {
              type: "ResponseHeaderModifier",
              responseHeaderModifier: { set: [{ name: "x-answer", value: "set" }] },
            },
            {
              type: "URLRewrite",
              urlRewrite: {
                hostname: "model.internal",
                path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/v2" },
              },
            },
            {
              type: "CORS",
              cors: {
                allowOrigins: ["https://*.example.com"],
                allowHeaders: ["x-mine"],
                allowMethods: ["POST"],
                exposeHeaders: ["x-yours"],
              },
            },
            { type: "RequestMirror", requestMirror: { backendRef: poolRef("shadow") } },
          ],
          backendRefs: [
            {
              ...poolRef("primary"),
              weight: 9,
              filters: [
                {
                  type: "RequestHeaderModifier",
                  requestHeaderModifier: { set: [{ name: "x-backend", value: "one" }] },
                },
              ],
            },
            { name: "service", port: 80, weight: 1 },
          ],
        },
        {
          matches: [{ path: { type: "Exact", value: "/old" } }],
          filters: [
            {
              type: "RequestRedirect",
              requestRedirect: {
                scheme: "https",
                hostname: "new.example.com",
                path: { type: "ReplaceFullPath", replaceFullPath: "/new" },
              },
            },
          ],
        },
        {
          matches: [{ path: { type: "PathPrefix", value: "/full" } }],
          filters: [
            {
              type: "URLRewrite",
              urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/whole" } },
            },
          ],
          backendRefs: [poolRef("primary")],
        },
      ],
    },
  },
  pool("primary", "10.0.0.1:8000"),
  pool("shadow", "10.0.1.1:8000"),
  service,
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "pod", labels: { app: "service" } },
    spec: {},
    status: { podIP: "10.0.2.1", conditions: [{ type: "Ready", status: "True" }] },
  },
  {
    apiVersion: "inference.networking.x-k8s.io/v1alpha2",
    kind: "InferenceModel",
    metadata: { name: "model" },
    spec: {
      modelName: "llama",
      poolRef: { name: "primary" },
      targetModels: [{ name: "llama-3", weight: 1 }],
    },
  },
  {
    apiVersion: "umbra.dev/v1alpha1",
    kind: "ShadowPolicy",
    metadata: { name: "policy" },
    spec: {
      targetRefs: [{ kind: "HTTPRoute", name: "route", sectionName: "all" }],
      eligible: { paths: ["/v1"], models: ["llama"], headers: { "x-tier": "free" } },
      rewrite: {
        model: { llama: "llama-3" },
        set: { note: "shadow" },
        headers: { set: { "x-shadow": "yes" }, remove: ["cookie"] },
      },
    },
  },
];

type Path = readonly (string | number)[];

/** Finds every place with a text. */
function texts(value: Json, path: Path = []): readonly Path[] {
  if (typeof value === "string") return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => texts(each, [...path, key]));
}

function replaced(value: Json, [key, ...rest]: Path, by: string): Json {
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((each, index) => (String(index) === key ? replaced(each, rest, by) : each));
  }
  const fields = value as { readonly [key: string]: Json };
  return { ...fields, [key]: replaced(fields[key] as Json, rest, by) };
}

const places = texts(resources);

/** A gateway with one rule for one Service, whose bootstrap is read in a fraction of the time. */
const small: readonly Json[] = [
  gateway,
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "route" },
    spec: {
      parentRefs: [{ name: "gateway" }],
      rules: [{ matches, filters: [requestHeaders], backendRefs: [{ name: "service", port: 80 }] }],
    },
  },
  service,
];
const smallPlaces = texts(small);

/** Renders the bootstrap if the resources have no error. */
function rendered(from: readonly Json[]): string | undefined {
  const text = from.map((each) => JSON.stringify(each)).join("\n---\n");
  const { topology, diagnostics } = readTopology([{ name: "a", text }]);
  return diagnostics.some(({ severity }) => severity === "error")
    ? undefined
    : renderBootstrap(topology);
}

const golden = new URL("../../../envoy/", import.meta.url);

/** Field and type names of bootstraps, independent of the resources. */
const known = (() => {
  const names = new Set<string>();
  const bootstraps = readdirSync(golden).flatMap((name) => {
    try {
      return [readFileSync(new URL(`${name}/envoy.yaml`, golden), "utf8")];
    } catch {
      // Cases with errors have no bootstrap.
      return [];
    }
  });
  for (const text of [...bootstraps, rendered(resources) ?? ""]) {
    for (const name of namesIn(parse(text) as Json)) names.add(name);
  }
  return names;
})();

/** Returns the names of fields, and the values of `@type`. */
function namesIn(value: Json): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(namesIn);
  return Object.entries(value).flatMap(([key, each]) => [
    key,
    ...(key === "@type" ? [`type ${String(each)}`] : namesIn(each)),
  ]);
}

/** Returns all values with one name, at any depth. */
function under(value: Json, name: string): readonly Json[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((each) => under(each, name));
  return Object.entries(value).flatMap(([key, each]) => [
    ...(key === name ? [each] : []),
    ...under(each, name),
  ]);
}

const baseline = parse(rendered(resources) ?? "") as Json;

describe("a text in the resources", () => {
  const hostile = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...attacks) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...attacks), fc.constantFrom(...attacks))
        .map(([a, b]) => a + b),
    },
  );

  test("is always plain text in the bootstrap, at any place", () => {
    let rendering = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...places), hostile), { minLength: 1, maxLength: 3 }),
        (changes) => {
          const changed = changes.reduce<Json>(
            (all, [path, text]) => replaced(all, path, text),
            resources,
          );
          const text = rendered(changed as readonly Json[]);
          if (text === undefined) return;
          rendering++;
          const bootstrap = parse(text) as Json;
          // Envoy reads YAML 1.1.
          expect(JSON.stringify(parse(text, { version: "1.1" }))).toBe(JSON.stringify(bootstrap));
          expect(namesIn(bootstrap).filter((name) => !known.has(name))).toEqual([]);
          for (const list of [
            "request_headers_to_add",
            "response_headers_to_add",
            "request_headers_mutations",
          ]) {
            for (const value of under(under(bootstrap, list), "value")) {
              expect(String(value).replaceAll("%%", "")).not.toContain("%");
            }
          }
          for (const metadata of under(bootstrap, "grpc_initial_metadata")) {
            for (const value of under(metadata, "value")) {
              expect(String(value)).toMatch(/^[a-z0-9_:/.,-]*$/);
            }
          }
          for (const format of ["log_format", "body_format_override", "mutation_rules"]) {
            const formats = new Set(under(baseline, format).map((each) => JSON.stringify(each)));
            for (const each of under(bootstrap, format)) {
              expect(formats).toContain(JSON.stringify(each));
            }
          }
          expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
        },
      ),
      { numRuns: propertyRuns(20, 300) },
    );
    // About one in five renders, so the property is tested on enough cases.
    expect(rendering).toBeGreaterThan(0);
  }, 120_000);

  test.each(attacks.map((each) => [each]))(
    "reaches the upstream unchanged, or is an error: %p",
    (text) => {
      const path =
        smallPlaces.find(
          (each) => each.includes("requestHeaderModifier") && each.at(-1) === "value",
        ) ?? [];
      const bootstrap = rendered(replaced(small, path, text) as readonly Json[]);
      if (bootstrap === undefined) return;
      const values = under(under(parse(bootstrap) as Json, "request_headers_to_add"), "value");
      expect(values).toContain(text.replaceAll("%", "%%"));
    },
  );
});

describe("a value that looks like another YAML type stays text, even for Envoy's YAML 1.1", () => {
  const path = (field: string) =>
    smallPlaces.find((each) => each.includes(field) && each.at(-1) === "value") ?? [];

  test.each([
    "yes",
    "no",
    "on",
    "off",
    "y",
    "N",
    "True",
    "null",
    "~",
    "012",
    "0x1F",
    "0b1",
    "1_000",
    "12:30:45",
    "2020-01-01",
    "1e400",
    ".inf",
    "-.NaN",
    "<<",
    "=",
    "!!binary x",
    "&a",
    "*a",
    "- a",
    "a: b",
    "# c",
    "%x",
    "[",
    "{",
    "|",
    " x ",
  ])("%p", (value) => {
    const fields = ["headers", "queryParams", "requestHeaderModifier"];
    const changed = fields.reduce<Json>((all, field) => replaced(all, path(field), value), small);
    const text = rendered(changed as readonly Json[]) ?? "";
    for (const version of ["1.1", "1.2"] as const) {
      const bootstrap = parse(text, { version }) as Json;
      expect(under(bootstrap, "exact").filter((each) => each === value).length).toBeGreaterThan(1);
      expect(under(bootstrap, "value")).toContain(value.replaceAll("%", "%%"));
    }
  });
});
