import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import { readTopology, renderResources } from "@umbra/envoy-config";
import { createRouteEncoder, EncodingError, encodeResource } from "@umbra/xds";

const folder = new URL("../../../envoy/", import.meta.url);
const cases = readdirSync(folder).filter((name) =>
  existsSync(new URL(`${name}/envoy.yaml`, folder)),
);
const bytes = readFileSync(new URL("../descriptors/envoy.binpb", import.meta.url));
const schema = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes)).getMessage(
  "envoy.config.route.v3.RouteConfiguration",
);

function decoded(value: Uint8Array): unknown {
  return schema && fromBinary(schema, value);
}

function routesOf(name: string) {
  const files = readdirSync(new URL(`${name}/`, folder))
    .filter((file) => file.endsWith(".yaml") && file !== "envoy.yaml")
    .map((file) => ({
      name: file,
      text: readFileSync(new URL(`${name}/${file}`, folder), "utf8"),
    }));
  return [...renderResources(readTopology(files).topology).rds];
}

const host = (name: string, prefix = "/") => ({
  ...{ name, domains: [`${name}.example`] },
  routes: [{ match: { prefix }, direct_response: { status: 200 } }],
});

describe("a route configuration in parts", () => {
  test.each(cases)("means what it means as a whole: %s", (name) => {
    const all = routesOf(name).map(([own, json]) => ({
      parts: createRouteEncoder()(own, json).value,
      whole: encodeResource("rds", own, json).value,
    }));
    expect(all.length).toBeGreaterThan(0);
    expect(all.map(({ parts }) => decoded(parts))).toEqual(all.map(({ whole }) => decoded(whole)));
  });

  test("is the same after any changes as from a new encoder", () => {
    const encode = createRouteEncoder();
    const [a, b, c] = [host("a"), host("b"), host("c")];
    const steps = [[a, b], [a, host("b", "/v2"), c], [c, host("a", "/v3")], [], [b, host("a")]];
    for (const hosts of steps) {
      const json = { name: "r", virtual_hosts: hosts };
      expect(encode("r", json)).toEqual(createRouteEncoder()("r", json));
    }
  });

  test("with an error is refused in the words of the whole, and is no obstacle later", () => {
    const encode = createRouteEncoder();
    const bad = { name: "r", virtual_hosts: [host("a"), { name: "b", surprise: 1 }] };
    expect(() => encode("r", bad)).toThrow(EncodingError);
    expect(() => encode("r", bad)).toThrow(/RouteConfiguration "r": .*surprise/);
    const good = { name: "r", virtual_hosts: [host("a")] };
    expect(encode("r", good)).toEqual(createRouteEncoder()("r", good));
  });
});
