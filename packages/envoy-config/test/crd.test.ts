import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";
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
  const ajv = new Ajv({ strict: false });
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
