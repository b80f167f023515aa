import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import {
  createResourceStore,
  mergeStatus,
  type ObjectStatus,
  readTopology,
  statusesOf,
} from "@umbra/envoy-config";
import { Ajv } from "ajv";
import { parse, parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, "utf8");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

interface Definition {
  readonly spec: { readonly versions: readonly { readonly schema: { openAPIV3Schema: Schema } }[] };
}

const definition = parse(read("deploy/crds/shadowpolicies.umbra.dev.yaml")) as Definition;
const schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};

/** Formats are the API server's to check. */
const lenient = { strict: false, validateFormats: false };

const policies = [
  "envoy/shadow-policy/resources.yaml",
  ...readdirSync(`${root}/examples`, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => `examples/${file}`),
].flatMap((file) =>
  parseAllDocuments(read(file))
    .map((document) => document.toJSON() as { readonly kind?: string; readonly spec: object })
    .filter((resource) => resource?.kind === "ShadowPolicy")
    .map((resource) => ({ file, resource })),
);

test.each(policies)("the CRD accepts the ShadowPolicy of $file", ({ resource }) => {
  const ajv = new Ajv(lenient);
  const validate = ajv.compile(schema);
  expect([validate(resource), validate.errors]).toEqual([true, null]);
});

test("`umbra check` knows exactly the fields of the CRD", () => {
  const fields = schema.properties?.spec?.properties ?? {};
  const empty = Object.fromEntries(Object.keys(fields).map((name) => [name, {}]));
  const spec = example(schema.properties?.spec ?? {});
  const document = (body: unknown) =>
    JSON.stringify({
      apiVersion: "umbra.dev/v1alpha1",
      kind: "ShadowPolicy",
      metadata: { name: "p" },
      spec: body,
    });
  const unknown = (body: unknown) =>
    readTopology([{ name: "p.json", text: document(body) }]).diagnostics.filter(
      ({ code }) => code === "UMB0105",
    );
  expect(Object.keys(empty).length).toBeGreaterThan(5);
  expect(unknown(spec)).toEqual([]);
  expect(unknown({ ...(spec as object), surprise: 1 })).toHaveLength(1);
});

test.each([
  { header: "X-Guard", isAccepted: true },
  { header: "x-cookie", isAccepted: true },
  ...[
    ...["Set-Cookie", "Cookie", "Authorization", "Proxy-Authorization", "X-Api-Key"],
    ...["Connection", "Content-Length", "content_length", "Expect", "HTTP2-Settings", "TE"],
    ...["Keep-Alive", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade"],
  ].map((header) => ({ header, isAccepted: false })),
])("the CRD and `umbra check` agree on $header as a mark of refusals", ({ header, isAccepted }) => {
  const policy = {
    ...{ apiVersion: "umbra.dev/v1alpha1", kind: "ShadowPolicy", metadata: { name: "p" } },
    spec: { targetRefs: [{ name: "r" }], evaluation: { outputs: { refusal: { header } } } },
  };
  const { diagnostics } = readTopology([{ name: "p.json", text: JSON.stringify(policy) }]);
  expect(diagnostics.every(({ code }) => code !== "UMB0104")).toBe(isAccepted);
  // The API server's regular expressions say in themselves that case does not matter.
  const patterns = [
    ...read("deploy/crds/shadowpolicies.umbra.dev.yaml").matchAll(
      /rule: "!self\.matches\('\^\(\?i\)([^']+)'\)"\n +message: .* can't mark a refusal/g,
    ),
  ].map(([, pattern]) => new RegExp(`^${pattern}`, "i"));
  expect(patterns).toHaveLength(2);
  expect(patterns.some((pattern) => pattern.test(header))).toBe(!isAccepted);
});

test("docs/shadow-policy.md has the message of every rule of the CRD", () => {
  const messages = messagesIn(definition);
  const page = read("docs/shadow-policy.md");
  const listed = [...page.matchAll(/^\| `[\w.]+` \| `([^`]+)` \|$/gm)].map(
    ([, message]) => message,
  );
  expect(listed.toSorted()).toEqual(messages.toSorted());
  expect(messages.length).toBeGreaterThan(5);
});

/** The messages of all rules of a schema. */
function messagesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === "x-kubernetes-validations"
      ? (each as readonly { readonly message: string }[]).map(({ message }) => message)
      : messagesIn(each),
  );
}

test("the CRD knows exactly the fields of the status that is written", () => {
  const name = "p";
  const target = { name: "r", sectionName: "rule" };
  const policy = {
    ...{ apiVersion: "umbra.dev/v1alpha1", kind: "ShadowPolicy" },
    ...{ metadata: { name, generation: 1 }, spec: { targetRefs: [target] } },
  };
  const store = createResourceStore({ isLive: true });
  store.put({ name: "p.json", text: JSON.stringify(policy) });
  const found = { verdict: "PASS", pairs: 1_200, ratio: 1.02, reportedAt: "2026-11-30T11:00:00Z" };
  const [ours] = statusesOf(store.resolve().statusFacts, {
    ...{ listeners: new Map(), refusedRoutes: new Map() },
    verdicts: new Map([["default/p", found]]),
  });
  expect(ours?.of.kind).toBe("ShadowPolicy");
  const merged = mergeStatus({}, ours as ObjectStatus, "2026-11-30T11:00:00Z");
  const { status } = merged as { readonly status: object };
  const statusSchema = schema.properties?.status ?? {};
  const validate = new Ajv(lenient).compile(closed(statusSchema));
  expect([validate(status), validate.errors]).toEqual([true, null]);
  expect(fieldsOf(status)).toEqual(fieldsOf(example(statusSchema)));
});

/** A schema that takes no other fields, as the API server removes them. */
function closed(of: Schema): Schema {
  const { properties, items } = of;
  return {
    ...of,
    ...(items === undefined ? {} : { items: closed(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, each]) => [name, closed(each)]),
          ),
          additionalProperties: false as unknown as Schema,
        }),
  };
}

/** The paths of all fields, sorted. */
function fieldsOf(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each) => fieldsOf(each, `${path}[]`));
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value)
    .flatMap(([name, each]) => fieldsOf(each, `${path}.${name}`))
    .toSorted();
}

/** Creates a value with every field of a schema. */
function example({ properties, items, additionalProperties }: Schema): unknown {
  if (properties !== undefined) {
    return Object.fromEntries(
      Object.entries(properties).map(([name, each]) => [name, example(each)]),
    );
  }
  if (items !== undefined) return [example(items)];
  if (additionalProperties !== undefined) return { errors: example(additionalProperties) };
  return 1;
}
