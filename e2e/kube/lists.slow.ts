import { isDeepStrictEqual } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  type ApiClient,
  createApiClient,
  holdLease,
  type KubernetesSource,
  type KubernetesSourceOptions,
  readAccess,
  startKubernetes,
  type WatchedKind,
} from "@umbra/kubernetes";
import { until } from "../harness/until.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { KubeServer } from "./kube-server.ts";
import { change, configMaps, create, listed, remove, versionsOf } from "./objects.ts";

const builtIn = (plural: string, kind: string): WatchedKind => ({
  ...{ group: "", version: "v1", plural, kind, isNamespaced: true },
});
/** As many kinds as a replica follows, or nearly. */
const kinds: readonly WatchedKind[] = [
  configMaps,
  builtIn("pods", "Pod"),
  builtIn("services", "Service"),
  builtIn("secrets", "Secret"),
  builtIn("serviceaccounts", "ServiceAccount"),
  { ...builtIn("endpointslices", "EndpointSlice"), group: "discovery.k8s.io" },
  { ...builtIn("leases", "Lease"), group: "coordination.k8s.io" },
  { ...builtIn("deployments", "Deployment"), group: "apps" },
];

/** A LIST that follows another sooner than this is one too many. Timers may run a little early. */
const spacingMs = 10_000 - 100;

describe("lists at a real API server", () => {
  let kube: KubeServer;
  let admin: ApiClient;
  let proxy: FaultProxy;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    kube = await KubeServer.start();
    admin = kube.client();
  }, 180_000);

  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(closing.splice(0).map((close) => close()));
    await admin.request({
      ...{ method: "DELETE", path: "/api/v1/namespaces/default/configmaps" },
      // The answer has all that was deleted.
      ...{ maxBytes: 128 * 1024 * 1024, timeoutMs: 60_000 },
    });
  }, 60_000);

  afterAll(async () => {
    await admin.close();
    await kube.close();
  }, 60_000);

  async function openProxy(): Promise<void> {
    proxy = await FaultProxy.start(kube.url);
    closing.push(() => proxy.close());
  }

  /** Through the proxy, which has opened before. */
  function follow(name: string, options: Partial<KubernetesSourceOptions> = {}): KubernetesSource {
    const access = readAccess({ file: kube.kubeconfigAt(proxy.url) });
    const client = createApiClient(access, name);
    const source = startKubernetes({ client, kinds: [configMaps], onChange() {}, ...options });
    closing.unshift(async () => {
      await source.close();
      await client.close();
    });
    return source;
  }

  async function untilEqual(source: KubernetesSource): Promise<void> {
    let [held, fresh]: Record<string, string>[] = [{}, {}];
    const isEqual = async (): Promise<boolean> => {
      [held, fresh] = [versionsOf(source.objects()), await listed(admin, configMaps)];
      return isDeepStrictEqual(held, fresh);
    };
    await until("the source holds what a fresh list has", isEqual, 5_000).catch(() => undefined);
    expect(held).toEqual(fresh);
  }

  /** Times between two LISTs of the same client and kind, in ms. */
  function gaps(): number[] {
    const groups = Map.groupBy(proxy.lists, ({ client, path }) => `${client} ${path}`);
    return [...groups.values()].flatMap((lists) =>
      lists.slice(1).map(({ atMs }, index) => atMs - (lists[index]?.atMs ?? 0)),
    );
  }

  test.each([429, 500] as const)(
    "LISTs that fail with %i are sent again, each kind once in 10 s, and nothing is lost",
    async (status) => {
      await openProxy();
      await create(admin, configMaps, "before");
      proxy.fail({ status, times: 2 });
      const source = follow("umbra-test", { isAlone: true });
      await until("all faults are given", () => proxy.left === 0, 30_000);
      await create(admin, configMaps, "meanwhile");
      await remove(admin, configMaps, "before");
      await until("synced", () => source.isSynced, 40_000);
      await untilEqual(source);
      expect(proxy.lists).toHaveLength(3);
      expect(Math.min(...gaps())).toBeGreaterThanOrEqual(spacingMs);
    },
    90_000,
  );

  test("ten replicas that start together spread their LISTs over at least 2 s", async () => {
    await openProxy();
    const names = Array.from({ length: 10 }, (_, index) => `replica-${index}`);
    const sources = names.map((name) => follow(name, { kinds }));
    await until("all synced", () => sources.every(({ isSynced }) => isSynced), 60_000);
    const times = proxy.lists.map(({ atMs }) => atMs);
    expect(proxy.lists).toHaveLength(names.length * kinds.length);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThanOrEqual(2_000);
  }, 90_000);

  test("after the API server was killed, each replica lists each kind at most once in 10 s", async () => {
    await openProxy();
    const sources = ["one", "two"].map((name) => follow(name, { kinds }));
    await until("all synced", () => sources.every(({ isSynced }) => isSynced), 60_000);
    for (const round of [1, 2]) {
      await kube.kill("apiserver");
      kube.run("apiserver");
      await kube.ready();
      await create(admin, configMaps, `round-${round}`);
    }
    const isFollowed = (): boolean =>
      sources.every((source) =>
        source.states().every(({ condition }) => condition === "following"),
      );
    await until("all follow again", isFollowed, 60_000);
    for (const source of sources) {
      await until("the change", () => "round-2" in versionsOf(source.objects()), 15_000);
    }
    expect(gaps().length).toBeGreaterThan(0);
    expect(Math.min(...gaps())).toBeGreaterThanOrEqual(spacingMs);
  }, 240_000);

  test("a list of 40 MB comes in pages, and what is not kept of it is not held", async () => {
    await openProxy();
    const names = Array.from({ length: 44 }, (_, index) => `big-${index}`);
    const data = { data: { filler: "x".repeat(960_000) } };
    for (let at = 0; at < names.length; at += 4) {
      await Promise.all(
        names.slice(at, at + 4).map((name) => create(admin, configMaps, name, data)),
      );
    }
    const keep: NonNullable<WatchedKind["keep"]> = ({ metadata }) => ({ metadata });
    const source = follow("umbra-test", { kinds: [{ ...configMaps, keep }], isAlone: true });
    await until("synced", () => source.isSynced, 60_000);
    await untilEqual(source);
    expect(source.states()[0]).toMatchObject({ condition: "following", lists: 1 });
    expect(JSON.stringify(source.objects()).length).toBeLessThan(100_000);
    await change(admin, configMaps, "big-1");
    await untilEqual(source);
  }, 180_000);

  test("a clock that is set back by an hour loses no change and no lease", async () => {
    await openProxy();
    const source = follow("umbra-test", { isAlone: true });
    const holder = holdLease({
      ...{ client: admin, namespace: "default", name: "clock", identity: "first" },
    });
    closing.unshift(() => holder.close());
    await until("the lease is held", () => holder.remainingMs() > 0);
    await until("synced", () => source.isSynced, 20_000);
    const now = Date.now.bind(Date);
    jest.spyOn(Date, "now").mockImplementation(() => now() - 3_600_000);
    const second = holdLease({
      ...{ client: admin, namespace: "default", name: "clock", identity: "second" },
    });
    closing.unshift(() => second.close());
    await create(admin, configMaps, "after");
    await change(admin, configMaps, "after");
    await untilEqual(source);
    // Longer than a lease lasts without being renewed.
    const startedMs = performance.now();
    const holders: boolean[] = [];
    await until(
      "20 s have passed",
      () => {
        holders.push(holder.remainingMs() > 0 && second.remainingMs() === 0);
        return performance.now() - startedMs > 20_000;
      },
      30_000,
    );
    expect(holders).not.toContain(false);
  }, 120_000);
});
