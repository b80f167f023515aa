import { describe, expect, test } from "@jest/globals";
import {
  createResourceStore,
  parseAddressRange,
  readTopology,
  servedNames,
  type TopologyOptions,
} from "@umbra/envoy-config";

const classOf = (name: string, controller: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ${name}}
spec: {controllerName: ${controller}}
`;
const gateway = (name: string, className: string, more = "") => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}}
spec: {gatewayClassName: ${className}, listeners: [{name: http, port: 8080, protocol: HTTP, hostname: ${name}.test}]${more}}
`;
const gateways = `${gateway("ours", "umbra")}${gateway("theirs", "other")}${gateway("lost", "nowhere")}`;
const ours = classOf("umbra", "umbra.dev/gateway");
const theirs = classOf("other", "example.com/other");

function servedIn(text: string, options: TopologyOptions = {}): readonly string[] {
  const store = createResourceStore({ ...options, isLive: true });
  store.put({ name: "x", text });
  const { attachments } = store.resolve();
  return attachments
    .filter(({ isAccepted }) => isAccepted)
    .map(({ parent }) => parent.gateway.name);
}

const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: ours}, {name: theirs}, {name: lost}], rules: []}
`;

describe("the Gateways that are served", () => {
  const all = ["ours", "theirs", "lost"];
  test.each([
    { name: "files without a class", text: "", options: {}, want: all },
    { name: "files with another controller's class alone", text: theirs, options: {}, want: all },
    { name: "files with a class of Umbra", text: ours + theirs, options: {}, want: ["ours"] },
    { name: "a class by its name", text: "", options: { gatewayClass: "nowhere" }, want: ["lost"] },
    {
      name: "a class by its name, of another controller",
      text: ours + theirs,
      options: { gatewayClass: "other" },
      want: ["theirs"],
    },
    {
      name: "a cluster",
      text: ours + theirs,
      options: { hasOnlyOwnGateways: true },
      want: ["ours"],
    },
    {
      name: "a cluster without a class of Umbra",
      text: theirs,
      options: { hasOnlyOwnGateways: true },
      want: [],
    },
  ])("of $name are $want", ({ text, options, want }) => {
    expect(servedIn(gateways + route + text, options)).toEqual(want);
  });

  test("leave nothing to say about other Gateways, and about routes that are only theirs", () => {
    const broken = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: broken}
spec: {parentRefs: [{name: theirs}], rules: [{backendRefs: [{name: lost, port: 80}], unknown: 1}]}
`;
    const files = [{ name: "x", text: ours + theirs + gateway("theirs", "other") + broken }];
    const { diagnostics } = readTopology([...files, { name: "y", text: gateway("ours", "umbra") }]);
    expect(diagnostics.map(({ code, file }) => [code, file])).toEqual([["UMB0308", "y"]]);
  });
});

/** The address and port of each listener, and whose it is. */
function socketsOf(text: string, options: TopologyOptions = {}): readonly string[] {
  const { listeners } = readTopology([{ name: "x", text: ours + text }], options).topology;
  return listeners
    .map((each) => `${servedNames(each).join("+")} ${each.address} ${each.port}`)
    .toSorted();
}

const asks = (name: string, ...values: readonly string[]) =>
  gateway(name, "umbra", `, addresses: [${values.map((each) => `{value: "${each}"}`).join(", ")}]`);

describe("the address of a Gateway", () => {
  const range = { gatewayAddresses: "10.0.7.0/24" };
  test.each([
    { name: "is where all listen", gateways: gateway("a", "umbra"), options: {}, want: "0.0.0.0" },
    {
      name: "is where all listen, by option",
      gateways: gateway("a", "umbra"),
      options: { bindAddress: "127.0.0.1" },
      want: "127.0.0.1",
    },
    { name: "is its own", gateways: asks("a", "10.1.1.1"), options: {}, want: "10.1.1.1" },
    {
      name: "is its own in the range",
      gateways: asks("a", "10.0.7.5"),
      options: range,
      want: "10.0.7.5",
    },
    {
      name: "is its own, however it writes it",
      gateways: asks("a", "FD00:0::01", "fd00::1"),
      options: {},
      want: "fd00::1",
    },
    {
      name: "is one of the range",
      gateways: gateway("a", "umbra"),
      options: range,
      want: "10.0.7.108",
    },
    {
      name: "is one of the range where it asks for any",
      gateways: asks("a", ""),
      options: range,
      want: "10.0.7.108",
    },
    {
      name: "is one of an IPv6 range",
      gateways: gateway("a", "umbra"),
      options: { gatewayAddresses: "fd00:7::/64" },
      want: "fd00:7::3612",
    },
    {
      name: "is one of a range with one address",
      gateways: gateway("a", "umbra"),
      options: { gatewayAddresses: "10.9.9.9/32" },
      want: "10.9.9.9",
    },
  ])("$name: $want", ({ gateways: text, options, want }) => {
    expect(socketsOf(text, options)).toEqual([`default/a/http ${want} 8080`]);
  });

  test.each([
    {
      name: "a host name",
      text: gateway("a", "umbra", ", addresses: [{type: Hostname, value: a.test}]"),
      reason: "UnsupportedAddress",
      type: "Accepted",
    },
    {
      name: "what is no address",
      text: asks("a", "a.test"),
      reason: "AddressNotUsable",
      type: "Programmed",
    },
    {
      name: "an address of one machine's interface",
      text: asks("a", "fe80::1%eth0"),
      reason: "AddressNotUsable",
      type: "Programmed",
    },
    {
      name: "one outside of the range",
      text: asks("a", "10.0.8.1"),
      reason: "AddressNotUsable",
      type: "Programmed",
    },
    {
      name: "two",
      text: asks("a", "10.0.7.1", "10.0.7.2"),
      reason: "AddressNotUsable",
      type: "Programmed",
    },
  ])("is refused if it asks for $name, and others are served", ({ text, reason, type }) => {
    const files = [{ name: "x", text: ours + text + gateway("b", "umbra") }];
    const { topology, diagnostics } = readTopology(files, range);
    expect(topology.listeners.flatMap(servedNames)).toEqual(["default/b/http"]);
    expect(diagnostics.find(({ code }) => code === "UMB0229")?.condition).toMatchObject({
      resource: { kind: "Gateway", namespace: "default", name: "a" },
      ...{ type, reason, status: "False" },
    });
  });

  test("does not depend on neighbours", () => {
    const names = Array.from({ length: 20 }, (_, i) => `g${i}`);
    const wide = { gatewayAddresses: "10.0.0.0/16" };
    const alone = names.flatMap((name) => socketsOf(gateway(name, "umbra"), wide));
    const together = socketsOf(names.map((name) => gateway(name, "umbra")).join(""), wide);
    expect(together).toEqual(alone.toSorted());
  });

  test("is kept where the Gateway has it by its status, whatever comes and goes", () => {
    const held = `${gateway("b", "umbra")}status: {addresses: [{type: IPAddress, value: 10.0.7.108}]}\n`;
    expect(socketsOf(held + gateway("a", "umbra"), range)).toEqual([
      "default/a/http 10.0.7.109 8080",
      "default/b/http 10.0.7.108 8080",
    ]);
    expect(socketsOf(held, range)).toEqual(["default/b/http 10.0.7.108 8080"]);
  });

  test("is one socket for two Gateways that write it in two ways", () => {
    expect(socketsOf(asks("a", "fd00::1") + asks("b", "FD00::0:1"))).toEqual([
      "default/a/http+default/b/http fd00::1 8080",
    ]);
    const held = (name: string, address: string) =>
      `${gateway(name, "umbra")}status: {addresses: [{value: "${address}"}]}\n`;
    const sockets = socketsOf(held("a", "fd00:7::9") + held("b", "FD00:7::0:9"), {
      gatewayAddresses: "fd00:7::/64",
    });
    expect(new Set(sockets.map((each) => each.split(" ")[1]))).toHaveProperty("size", 2);
  });

  test("is refused if all are taken", () => {
    const text = ours + ["a", "b", "c"].map((name) => gateway(name, "umbra")).join("");
    const { topology, diagnostics } = readTopology([{ name: "x", text }], {
      gatewayAddresses: "10.0.7.0/31",
    });
    expect(topology.listeners).toHaveLength(2);
    expect(diagnostics.filter(({ code }) => code === "UMB0229")).toHaveLength(1);
  });

  test("has no effect in files without a class of Umbra", () => {
    const text = asks("a", "10.1.1.1");
    const { listeners } = readTopology([{ name: "x", text }]).topology;
    expect(listeners.map(({ address }) => address)).toEqual(["0.0.0.0"]);
  });

  test("lets two Gateways have one port, each with its own routes and protocol", () => {
    const text = asks("a", "10.0.7.1") + asks("b", "10.0.7.2");
    expect(socketsOf(text)).toEqual([
      "default/a/http 10.0.7.1 8080",
      "default/b/http 10.0.7.2 8080",
    ]);
  });
});

describe("parseAddressRange", () => {
  test.each([
    "",
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0/24",
    "a/24",
    "fd00::/129",
    "10.0.0.0/-1",
    "fe80::1%lo/64",
  ])("refuses %j", (text) => expect(parseAddressRange(text)).toBeUndefined());

  test.each([
    { text: "10.0.7.9/24", size: 254, first: "10.0.7.1", last: "10.0.7.254" },
    { text: "10.0.0.0/8", size: 65_536, first: "10.0.0.1", last: "10.1.0.0" },
    { text: "10.0.7.4/31", size: 2, first: "10.0.7.4", last: "10.0.7.5" },
    { text: "fd00::/120", size: 255, first: "fd00::1", last: "fd00::ff" },
    { text: "::ffff:10.0.0.0/112", size: 65_535, first: "::ffff:a00:1", last: "::ffff:a00:ffff" },
  ])("reads $text", ({ text, size, first, last }) => {
    const range = parseAddressRange(text);
    expect([range?.size, range?.at(0), range?.at(size - 1)]).toEqual([size, first, last]);
    expect([range?.has(first), range?.has("192.0.2.1"), range?.has("a")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
