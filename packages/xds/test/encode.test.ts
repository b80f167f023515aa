import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { EncodingError, encodeResource, type Kind } from "@umbra/xds";
import { parse } from "yaml";

const folder = new URL("../../../envoy/", import.meta.url);
const cases = readdirSync(folder).filter((name) =>
  existsSync(new URL(`${name}/envoy.yaml`, folder)),
);

interface Bootstrap {
  readonly static_resources: Readonly<
    Record<"clusters" | "listeners", readonly { readonly name: string }[] | undefined>
  >;
}

describe("every rendered resource is Envoy's own JSON", () => {
  test.each(cases)("%s", (name) => {
    const text = readFileSync(new URL(`${name}/envoy.yaml`, folder), "utf8");
    const { clusters = [], listeners = [] } = (parse(text) as Bootstrap).static_resources;
    const all: readonly (readonly [Kind, { readonly name: string }])[] = [
      ...clusters.map((each) => ["cds", each] as const),
      ...listeners.map((each) => ["lds", each] as const),
    ];
    const encoded = all.map(([kind, each]) => encodeResource(kind, each.name, each).name);
    expect(encoded).toEqual(all.map(([, each]) => each.name));
    expect(encoded.length).toBeGreaterThan(0);
  });
});

test("equal content has an equal version, other content another", () => {
  const version = (timeout: string) =>
    encodeResource("cds", "a", { name: "a", connect_timeout: timeout }).version;
  expect(version("1s")).toBe(version("1.000s"));
  expect(version("1s")).not.toBe(version("2s"));
});

test.each([
  { name: "a field that Envoy does not have", json: { name: "a", surprise: 1 }, words: /surprise/ },
  { name: "a wrong type", json: { name: 1 }, words: /name/ },
  {
    name: "an extension that is not known",
    json: { name: "a", transport_socket: { name: "t", typed_config: { "@type": "x.y/Z" } } },
    words: /typed_config|Any/,
  },
])("$name is refused by the resource's name", ({ json, words }) => {
  expect(() => encodeResource("cds", "a", json)).toThrow(EncodingError);
  expect(() => encodeResource("cds", "a", json)).toThrow(words);
  expect(() => encodeResource("cds", "a", json)).toThrow(/Cluster "a"/);
});
