import { describe, expect, test } from "@jest/globals";
import {
  createResourceStore,
  readTopology,
  renderResources,
  servedNames,
} from "@umbra/envoy-config";

const gateway = (namespace: string, name: string, port: number, listener = "http") =>
  `---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {listeners: [{name: ${listener}, port: ${port}, protocol: HTTP}]}\n`;

const twins = gateway("a", "gw", 8080) + gateway("b", "gw", 8081);

function read(text: string, ports: Readonly<Record<string, number>>) {
  const { topology, diagnostics } = readTopology([{ name: "x", text }], {
    listenerPorts: new Map(Object.entries(ports)),
  });
  return {
    listeners: Object.fromEntries(
      topology.listeners.flatMap((each) => servedNames(each).map((name) => [name, each.port])),
    ),
    errors: diagnostics
      .filter(({ severity }) => severity === "error")
      .map(({ code, message, remedy }) => `${code} ${message}: ${remedy}`),
  };
}

describe("a listener has its full name", () => {
  test.each([
    ["alone", gateway("a", "gw", 8080), ["a/gw/http"]],
    ["next to others", twins + gateway("b", "x", 8082), ["a/gw/http", "b/gw/http", "b/x/http"]],
    [
      "where it shares a port",
      gateway("b", "gw", 8080) + gateway("a", "gw", 8080, "web"),
      ["a/gw/web", "b/gw/http"],
    ],
  ])("%s", (_name, text, want) => {
    const found = read(text, {});
    expect(Object.keys(found.listeners).toSorted()).toEqual(want);
    expect(found.errors).toEqual([]);
  });

  test.each(["http", "gw/http", "a/gw/http"])("and %s moves it if it is unique", (name) => {
    expect(read(gateway("a", "gw", 8080), { [name]: 9000 })).toEqual({
      listeners: { "a/gw/http": 9000 },
      errors: [],
    });
  });

  test("and is moved alone", () => {
    expect(read(twins, { "a/gw/http": 9000 })).toEqual({
      listeners: { "a/gw/http": 9000, "b/gw/http": 8081 },
      errors: [],
    });
  });

  test.each(["http", "gw/http"])("the remedy for %s lists the accepted names", (name) => {
    expect(read(twins, { [name]: 9000 }).errors).toEqual([
      `UMB0207 --listener: several Gateways have a listener "${name}": use one of a/gw/http, b/gw/http`,
    ]);
  });

  test("a listener named twice is an error", () => {
    expect(read(gateway("a", "gw", 8080), { http: 9000, "a/gw/http": 9001 }).errors).toEqual([
      'UMB0207 --listener names a listener twice: as "http" and as "a/gw/http": remove one',
    ]);
  });
});

describe("a Gateway that comes or goes changes no listener that it shares", () => {
  const aged = (namespace: string, createdAt: string) =>
    gateway(namespace, "gw", 8080).replace(
      "name: gw,",
      `name: gw, creationTimestamp: "${createdAt}",`,
    );
  /** Envoy's listeners and the names of their routes. */
  const served = (files: Readonly<Record<string, string>>) => {
    const store = createResourceStore({ isLive: true });
    for (const [name, text] of Object.entries(files)) store.put({ name, text });
    const { topology } = store.resolve();
    const { lds, rds } = renderResources(topology, {});
    return { lds: Object.fromEntries(lds), rds: [...rds.keys()] };
  };
  const oldest = aged("m", "2026-01-01T00:00:00Z");
  const younger = aged("a", "2026-02-01T00:00:00Z");
  const withoutAge = gateway("b", "gw", 8080);

  test.each([
    ["the oldest one", { oldest, younger, withoutAge }, { younger, withoutAge }],
    ["a younger one", { oldest, younger }, { oldest }],
    ["one without an age", { oldest, withoutAge }, { oldest }],
  ])("%s", (_name, before, after) => {
    const [first, last] = [served(before), served(after)];
    expect(Object.keys(first.lds)).toEqual(["0.0.0.0:8080"]);
    expect(first.rds).toEqual(["0.0.0.0:8080"]);
    expect(last).toEqual(first);
  });
});
