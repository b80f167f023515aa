import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredKind, StoredObject } from "../../../testing/api-server/scripted-store.ts";
import { addressesIn, followPeers } from "../src/kube/peer-addresses.ts";
import { waitUntil } from "../src/process/wait-until.ts";
import { type PeersFlags, peersOf } from "../src/resources/peers-flags.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-peers-"));
afterAll(() => rmSync(folder, { recursive: true }));
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const secret = file("secret", `${"s".repeat(32)}\n`);
const listen: PeersFlags = { peersListen: "127.0.0.1:9004", peerSecretFile: secret };

describe("flags of peers", () => {
  test.each([
    {
      name: "a list without a port to listen on",
      flags: { peers: ["a:1"] },
      message: /--peers: no effect/,
    },
    { name: "a judge of one", flags: { judge: true as const }, message: /--judge: no effect/ },
    {
      name: "no secret",
      flags: { peersListen: "127.0.0.1:9004" },
      message: /needs --peer-secret-file/,
    },
    {
      name: "a short secret",
      flags: { ...listen, peerSecretFile: file("short", "short\n") },
      message: /has 5 bytes: give 32 to 4096 random ones/,
    },
    {
      name: "both a list and a Service",
      flags: { ...listen, peers: ["a:1"], peersService: "umbra/peers" },
      message: /either --peers or --peers-service/,
    },
    {
      name: "a Service without a namespace",
      flags: { ...listen, peersService: "peers" },
      message: /expects NAMESPACE\/NAME/,
    },
  ])("refuse $name", ({ flags, message }) => {
    expect(() => peersOf(flags, { hasKube: true })).toThrow(message);
  });

  test("refuse a Service without an API server", () => {
    const flags = { ...listen, peersService: "umbra/peers" };
    expect(() => peersOf(flags, { hasKube: false })).toThrow(/--peers-service needs --kube/);
  });

  test("are not needed", () => {
    expect(peersOf({}, { hasKube: false })).toBeUndefined();
  });

  test("with the same secret give the same keys, with another other keys", () => {
    const keysOf = (text: string) =>
      peersOf({ ...listen, peerSecretFile: file("other", text) }, { hasKube: false })?.options.keys;
    expect(keysOf(` ${"s".repeat(32)}`)).toEqual(keysOf(`${"s".repeat(32)}\n`));
    expect(keysOf("t".repeat(32))?.samples).not.toBe(keysOf("s".repeat(32))?.samples);
  });
});

function slice(name: string, more: object): StoredObject {
  return {
    metadata: { name, namespace: "umbra", labels: { "kubernetes.io/service-name": "peers" } },
    ...{ addressType: "IPv4", ports: [{ name: "peers", port: 9004 }] },
    ...more,
  } as unknown as StoredObject;
}

const pod = (ip: string, conditions: object = { ready: true }) => ({ addresses: [ip], conditions });

describe("addresses of peers in EndpointSlices", () => {
  test.each([
    {
      name: "those of ready pods, in order",
      slices: [slice("a", { endpoints: [pod("10.0.0.2"), pod("10.0.0.1", {})] })],
      want: ["10.0.0.1:9004", "10.0.0.2:9004"],
    },
    {
      name: "none of pods that are not ready or end",
      slices: [
        slice("a", {
          endpoints: [
            pod("10.0.0.1", { ready: false }),
            pod("10.0.0.2", { ready: true, terminating: true }),
          ],
        }),
      ],
      want: [],
    },
    {
      name: "IPv6 in brackets, each once",
      slices: [
        slice("a", { addressType: "IPv6", endpoints: [pod("fd00::1")] }),
        slice("b", { addressType: "IPv6", endpoints: [pod("fd00::1")] }),
      ],
      want: ["[fd00::1]:9004"],
    },
    {
      name: "by the port named peers",
      slices: [
        slice("a", {
          ports: [
            { name: "grpc", port: 9002 },
            { name: "peers", port: 9004 },
          ],
          endpoints: [pod("10.0.0.1")],
        }),
      ],
      want: ["10.0.0.1:9004"],
    },
    {
      name: "none with several ports of other names",
      slices: [
        slice("a", {
          ports: [
            { name: "grpc", port: 9002 },
            { name: "admin", port: 9090 },
          ],
          endpoints: [pod("10.0.0.1")],
        }),
      ],
      want: [],
    },
    {
      name: "none of slices of another shape",
      slices: [slice("a", { endpoints: [null, 3, { addresses: "10.0.0.1" }], ports: [null] })],
      want: [],
    },
  ])("are $name", ({ slices, want }) => {
    expect(addressesIn(slices as never)).toEqual(want);
  });
});

describe("a Service of peers", () => {
  const slices: StoredKind = {
    ...{ group: "discovery.k8s.io", version: "v1", plural: "endpointslices" },
    ...{ kind: "EndpointSlice", isNamespaced: true },
  };
  let server: ScriptedApiServer;
  beforeEach(async () => {
    server = new ScriptedApiServer();
    await server.start();
  });
  afterEach(() => server.stop());

  test("is followed: pods that come, become unready or go", async () => {
    const store = server.install(slices);
    store.put(slice("peers-1", { endpoints: [pod("10.0.0.1"), pod("10.0.0.2")] }));
    const kubeconfig = {
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: server.url } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
    };
    const seen: (readonly string[])[] = [];
    const following = followPeers({
      choice: { file: file("config", JSON.stringify(kubeconfig)) },
      env: {},
      service: { namespace: "umbra", name: "peers" },
      onChange: (addresses) => void seen.push(addresses),
      onProblem: () => undefined,
    });
    const hasSeen = (count: number) =>
      waitUntil(async () => seen.length === count, { timeoutMs: 20_000 });
    try {
      await hasSeen(1);
      store.put(
        slice("peers-1", { endpoints: [pod("10.0.0.1"), pod("10.0.0.2", { ready: false })] }),
      );
      await hasSeen(2);
      store.put(slice("peers-2", { endpoints: [pod("10.0.0.3")] }));
      await hasSeen(3);
    } finally {
      await following.close();
    }
    expect(seen).toEqual([
      ["10.0.0.1:9004", "10.0.0.2:9004"],
      ["10.0.0.1:9004"],
      ["10.0.0.1:9004", "10.0.0.3:9004"],
    ]);
  });
});
