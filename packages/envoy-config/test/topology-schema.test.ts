import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { Ajv } from "ajv";
import { caseNames, renderCase } from "./golden-case.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const schema = JSON.parse(read("docs/topology.schema.json")) as object;

/** The schema with closed objects, which detects unknown fields. */
function closed(of: unknown): unknown {
  if (Array.isArray(of)) return of.map(closed);
  if (typeof of !== "object" || of === null) return of;
  const made = Object.fromEntries(Object.entries(of).map(([name, each]) => [name, closed(each)]));
  const isMap = "additionalProperties" in of;
  return "properties" in of && !isMap ? { ...made, additionalProperties: false } : made;
}

const validate = new Ajv({ strict: false, allErrors: true }).compile(closed(schema) as object);

const topologies = [
  ...caseNames.flatMap((name) => {
    const text = renderCase(name)["topology.json"];
    return text === undefined ? [] : [{ name, topology: JSON.parse(text) as unknown }];
  }),
  {
    name: "of --primary and --shadow",
    topology: directTopology({ primary: ["10.0.0.1:80"], shadow: ["10.0.0.2:80"], port: 8080 }),
  },
];

test.each(topologies)("the schema has all fields of the topology $name", ({ topology }) => {
  expect([validate(topology), validate.errors]).toEqual([true, null]);
});

test.each([
  ["another version", { version: 1 }],
  ["no pools", { pools: undefined }],
  ["a pool with an unknown picker", { pools: [{ picker: "somebody" }] }],
])("the schema rejects %s", (_, change) => {
  const sound = directTopology({ primary: ["10.0.0.1:80"], shadow: [], port: 8080 });
  expect(validate(JSON.parse(JSON.stringify({ ...sound, ...change })))).toBe(false);
});
