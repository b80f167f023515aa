import { connect as connectPlain, createSecureServer } from "node:http2";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createPool, type PoolState } from "@umbra/scheduler";
import { selfSigned } from "@umbra/sidecar/internal";
import pino from "pino";
import type { BudgetShare } from "../src/mirror/budget.ts";
import { derivePeerKeys, type PeerKeys } from "../src/peers/peer-keys.ts";
import { openPeerLink } from "../src/peers/peer-link.ts";
import { peerClientTls, peerServerTls } from "../src/peers/peer-tls.ts";
import { type Peers, startPeers } from "../src/peers/peers.ts";
import { reportLine } from "../src/peers/report-line.ts";
import type { PoolRegistry } from "../src/pools/pool-registry.ts";
import { until } from "./until.ts";

const keys = derivePeerKeys("a secret that all peers have in common");
const endpoint = "10.0.0.1:8000";
const log = pino({ level: "silent" });

interface Replica {
  readonly peers: Peers;
  readonly state: PoolState;
  readonly shares: BudgetShare[];
}

const open: Peers[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function replica(
  given: { readonly keys?: PeerKeys; readonly others?: readonly string[] } = {},
) {
  const state = createPool({ name: "default/llama", random: () => 0, promptSeed: 1 });
  state.setEndpoints([endpoint, "10.0.0.2:8000"]);
  const shares: BudgetShare[] = [];
  const peers = await startPeers(
    {
      ...{ listen: { host: "127.0.0.1", port: 0 }, keys: given.keys ?? keys },
      ...{ addresses: given.others ?? [], isJudge: () => false },
    },
    {
      pools: new Map([["default/llama", { state }]]) as unknown as PoolRegistry,
      ask: async () => undefined,
      onShare: (share) => void shares.push(share),
      ...{ now: () => performance.now(), random: () => 0, log },
    },
  );
  open.push(peers);
  return { peers, state, shares } satisfies Replica;
}

/** Peers that all know the addresses of all, also their own. */
async function replicas(count: number): Promise<readonly Replica[]> {
  const all = await Promise.all(Array.from({ length: count }, () => replica()));
  for (const { peers } of all) peers.setAddresses(all.map((each) => each.peers.address));
  await until(async () => all.every(({ peers }) => ready(peers) === count - 1));
  return all;
}

const ready = (peers: Peers) => peers.links.filter(({ state }) => state === "ready").length;
const inFlight = ({ state }: Replica) =>
  state.snapshot().endpoints.reduce((sum, each) => sum + each.inFlight, 0);

describe("peers", () => {
  test("tell each other what they have in flight, and a request counts once", async () => {
    const [a, b, c] = (await replicas(3)) as [Replica, Replica, Replica];
    const picked = a.state.pick({ model: "m", promptTokens: 10 });
    await until(async () => inFlight(b) === 1 && inFlight(c) === 1);
    expect(inFlight(a)).toBe(1);
    expect(picked.ok && picked.lease.release()).toBeUndefined();
    await until(async () => inFlight(b) === 0 && inFlight(c) === 0);
    expect(inFlight(a)).toBe(0);
  });

  test("tell each other which prompts an endpoint got", async () => {
    const [a, b] = (await replicas(2)) as [Replica, Replica];
    const prompt = Uint8Array.from({ length: 4_096 }, (_, i) => i % 251);
    a.state.pick({ model: "m", prompt });
    const blocks = () =>
      b.state.snapshot().endpoints.reduce((sum, each) => sum + each.prefixBlocks, 0);
    await until(async () => blocks() === 16);
    expect(b.state.explain({ model: "m", prompt }).picked).toBe(
      a.state.explain({ model: "m", prompt }).picked,
    );
  });

  test("divide budgets exactly, each with a part of its own", async () => {
    const all = await replicas(3);
    const last = () => all.map(({ shares }) => shares.at(-1));
    const parts = () =>
      last()
        .map((share) => share?.at)
        .sort()
        .join();
    await until(async () => last().every((share) => share?.of === 3) && parts() === "0,1,2");
    expect(parts()).toBe("0,1,2");
  });

  test("one that has ended no longer counts, within 3 s", async () => {
    const [a, b] = (await replicas(2)) as [Replica, Replica];
    b.state.pick({ model: "m" });
    await until(async () => inFlight(a) === 1);
    const endedMs = performance.now();
    await b.peers.close();
    await until(async () => inFlight(a) === 0 && a.shares.at(-1)?.of === 1);
    expect(performance.now() - endedMs).toBeLessThan(3_000);
  });

  test("counts a peer that was not tried yet, so that a new one does not take all", async () => {
    const alone = await replica({ others: ["192.0.2.1:9"] });
    expect(alone.shares).toEqual([{ of: 2, at: 1 }]);
  });

  test("with another secret get nothing", async () => {
    const a = await replica();
    const b = await replica({ keys: derivePeerKeys("another secret, of another installation") });
    b.peers.setAddresses([a.peers.address]);
    a.peers.setAddresses([b.peers.address]);
    await until(
      async () => b.peers.links[0]?.state === "away" && a.peers.links[0]?.state === "away",
    );
    a.state.pick({ model: "m" });
    expect(inFlight(b)).toBe(0);
    expect(b.peers.counts.reportsTaken).toBe(0);
  });

  test.each([
    { name: "plain HTTP/2", scheme: "http" },
    { name: "TLS without the key", scheme: "https" },
  ])("a stranger with $name gets nothing", async ({ scheme }) => {
    const a = await replica();
    const session = connectPlain(`${scheme}://${a.peers.address}`, { rejectUnauthorized: false });
    const stream = session.request({ ":path": "/v1/reports" });
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on("error", () => undefined);
    await new Promise<void>((resolve) => {
      session.on("error", () => resolve());
      session.on("close", () => resolve());
    });
    session.destroy();
    expect(bytes).toBe(0);
  });

  test.each([
    { name: "another method", headers: { ":method": "POST", ":path": "/v1/reports" }, status: 405 },
    { name: "another path", headers: { ":path": "/v1/secrets" }, status: 404 },
    { name: "an invalid path", headers: { ":path": "//" }, status: 400 },
    { name: "an invalid cursor", headers: { ":path": "/v1/samples?after=-1" }, status: 400 },
    { name: "an unknown evaluation", headers: { ":path": "/v1/samples?after=0" }, status: 404 },
  ])("a peer that asks with $name gets $status", async ({ headers, status }) => {
    const a = await replica();
    const session = connectPlain(`https://${a.peers.address}`, peerClientTls(keys));
    const got = await new Promise<number | undefined>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request(headers);
      stream.on("response", (answer) => resolve(answer[":status"]));
      stream.on("error", reject);
    });
    session.destroy();
    expect(got).toBe(status);
  });

  test.each([
    { name: "of an authority that the machine trusts", isTrusted: true },
    { name: "of its own", isTrusted: false },
  ])("one with a certificate $name instead of the key is refused", async ({ isTrusted }) => {
    const own = await selfSigned();
    const server = createSecureServer({ cert: own.cert, key: own.key });
    server.on("sessionError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const tls = peerClientTls(keys);
    const session = connectPlain(`https://127.0.0.1:${port}`, {
      ...tls,
      ...(isTrusted ? { ca: [own.cert] } : {}),
    });
    const outcome = await new Promise<string>((resolve) => {
      session.on("connect", () => resolve("connected"));
      session.on("error", (cause: Error) => resolve(cause.message));
    });
    session.destroy();
    server.close();
    expect(outcome).toMatch(isTrusted ? /instead of the key/ : /self-signed certificate/);
  });

  test("no authority of the machine is trusted", () => {
    expect(peerClientTls(keys).ca).toEqual([]);
  });

  test("takes no addresses after its end", async () => {
    const a = await replica();
    await a.peers.close();
    a.peers.setAddresses(["127.0.0.1:1"]);
    expect(a.peers.links).toEqual([]);
  });

  const emptyReport = `${reportLine(new Map())}\n`;
  test.each([
    { name: "lines that are no reports", text: "\n".repeat(1_000), most: 0 },
    { name: "too many reports in a second", text: emptyReport.repeat(2_000), most: 400 },
    {
      name: "too many bytes in a second",
      text: `${" ".repeat(1_000_000)}${emptyReport}`.repeat(30),
      most: 8,
    },
  ])("one that sends $name is refused", async ({ text, most }) => {
    const server = createSecureServer(peerServerTls(keys));
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "umbra-replica": "0".repeat(32) });
      stream.on("error", () => undefined);
      stream.write(text);
    });
    server.on("sessionError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    let [invalid, taken, hasGone] = [0, 0, false];
    const link = openPeerLink(`127.0.0.1:${(server.address() as AddressInfo).port}`, {
      // All within one second, however slow the machine is.
      ...{ keys, accepts: () => true, random: () => 0, now: () => 0 },
      onReport: () => {
        taken++;
      },
      onInvalid: () => {
        invalid++;
      },
      onAway: () => {
        hasGone = true;
      },
    });
    await until(async () => hasGone);
    link.close();
    server.close();
    expect(invalid).toBe(1);
    expect(taken).toBeLessThanOrEqual(most);
  });

  test("a connection without a handshake does not delay closing", async () => {
    const a = await replica();
    const [host, port] = a.peers.address.split(":");
    const silent = connectTcp(Number(port), host);
    silent.on("error", () => undefined);
    await new Promise<void>((resolve) => silent.once("connect", resolve));
    const startedMs = performance.now();
    await a.peers.close();
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    silent.destroy();
  });

  test("TLS 1.2 and certificates are refused", async () => {
    const a = await replica();
    const [host, port] = a.peers.address.split(":");
    const socket = connectTls({
      host,
      port: Number(port),
      rejectUnauthorized: false,
      maxVersion: "TLSv1.2",
    });
    const code = await new Promise<string>((resolve) => {
      socket.on("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? ""));
      socket.on("secureConnect", () => resolve("connected"));
    });
    socket.destroy();
    expect(code).not.toBe("connected");
  });
});
