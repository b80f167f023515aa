import { isDeepStrictEqual } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type ApiClient,
  holdLease,
  type KubernetesSource,
  type KubernetesSourceOptions,
  type ObjectChange,
  type Problem,
  patchStatus,
  startKubernetes,
} from "@umbra/kubernetes";
import { until } from "../harness/until.ts";
import { KubeServer } from "./kube-server.ts";
import {
  change,
  configMaps,
  create,
  createCrd,
  deleteCrd,
  listed,
  remove,
  versionsOf,
  widgets,
} from "./objects.ts";

const reconcileMs = 5_000;

/** `npm run test:kube -- --long`: as long as the API server may be away. */
const isLong = process.env.UMBRA_KUBE_LONG === "1";
const [killedS, stoppedS] = isLong ? [60, 120] : [10, 20];

/** A kind that is absent is asked for again after 30 s at most. */
const absentAskedMs = 35_000;

describe("a real API server", () => {
  let kube: KubeServer;
  let admin: ApiClient;
  const closing: (() => Promise<void>)[] = [];
  let changes: ObjectChange[] = [];
  let problems: Problem[] = [];

  beforeAll(async () => {
    kube = await KubeServer.start();
    admin = kube.client();
  }, 180_000);

  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
    await deleteCrd(admin);
    await admin.request({ method: "DELETE", path: "/api/v1/namespaces/default/configmaps" });
  }, 60_000);

  afterAll(async () => {
    await admin.close();
    await kube.close();
  }, 60_000);

  async function follow(
    options: Partial<KubernetesSourceOptions> = {},
    user: "admin" | "watcher" = "admin",
  ): Promise<KubernetesSource> {
    const client = kube.client(user);
    changes = [];
    problems = [];
    const source = startKubernetes({
      client,
      kinds: [configMaps],
      onChange: (each) => changes.push(...each),
      onProblem: (problem) => problems.push(problem),
      ...options,
    });
    closing.push(async () => {
      await source.close();
      await client.close();
    });
    await until("synced", () => source.isSynced, 20_000);
    return source;
  }

  /** Waits until the source holds what a fresh list has; throws with both otherwise. */
  async function untilEqual(source: KubernetesSource, kind = configMaps): Promise<void> {
    let [held, fresh]: Record<string, string>[] = [{}, {}];
    const isEqual = async (): Promise<boolean> => {
      const ofKind = source.objects().filter((each) => each.kind === kind.kind);
      [held, fresh] = [versionsOf(ofKind), await listed(admin, kind)];
      return isDeepStrictEqual(held, fresh);
    };
    await until("the source holds what a fresh list has", isEqual, reconcileMs).catch(
      () => undefined,
    );
    expect(held).toEqual(fresh);
  }

  test("lists and watches: each change comes within 5 s, and deletions too", async () => {
    for (const name of ["a", "b"]) await create(admin, configMaps, name);
    const source = await follow();
    await create(admin, configMaps, "c");
    await change(admin, configMaps, "a");
    await remove(admin, configMaps, "b");
    await untilEqual(source);
    expect(JSON.stringify(source.objects())).not.toContain("managedFields");
  }, 60_000);

  test("a list of many objects comes in pages", async () => {
    const names = Array.from({ length: 30 }, (_, index) => `map-${index}`);
    const data = { data: { filler: "x".repeat(50_000) } };
    await Promise.all(names.map((name) => create(admin, configMaps, name, data)));
    const source = await follow({
      limits: { list: { pageObjects: 16, maxPageBytes: 400_000, maxObjects: 1_000 } },
    });
    await untilEqual(source);
    expect(source.states()[0]).toMatchObject({ condition: "following", lists: 1 });
  }, 60_000);

  test(`the API server is killed for ${killedS} s, and comes back without the history of the watch`, async () => {
    await create(admin, configMaps, "before");
    const source = await follow();
    await kube.kill("apiserver");
    await new Promise((resolve) => setTimeout(resolve, killedS * 1_000));
    expect(Object.keys(versionsOf(source.objects()))).toContain("before");
    kube.run("apiserver");
    await kube.ready();
    await create(admin, configMaps, "after");
    await remove(admin, configMaps, "before");
    await untilEqual(source);
    expect(problems.map(({ code }) => code)).toEqual(["UNREACHABLE"]);
  }, 180_000);

  test(`the API server is stopped for ${stoppedS} s with SIGSTOP`, async () => {
    const source = await follow({ limits: { silenceMs: 5_000 } });
    kube.signal("apiserver", "SIGSTOP");
    await until("the loss", () => source.states()[0]?.condition === "unreachable", 40_000);
    await new Promise((resolve) => setTimeout(resolve, (stoppedS - 10) * 1_000));
    kube.signal("apiserver", "SIGCONT");
    await kube.ready();
    await create(admin, configMaps, "after-stop");
    await untilEqual(source);
    expect(source.states()[0]).toMatchObject({ condition: "following" });
  }, 240_000);

  test("etcd is killed and comes back", async () => {
    const source = await follow();
    await kube.kill("etcd");
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    kube.run("etcd");
    await kube.ready();
    await until(
      "a write works",
      () =>
        create(admin, configMaps, "after-etcd").then(
          () => true,
          () => false,
        ),
      30_000,
    );
    await untilEqual(source);
  }, 90_000);

  test("watches that the API server closes every few seconds lose no change", async () => {
    const source = await follow({ limits: { watchMs: 1_500 } });
    for (let round = 0; round < 40; round++) {
      await create(admin, configMaps, `round-${round}`);
      if (round % 3 === 0) await remove(admin, configMaps, `round-${round}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await untilEqual(source);
    const [state] = source.states();
    expect(state?.watches).toBeGreaterThanOrEqual(3);
    expect(state?.lists).toBe(1);
    expect(changes.filter(({ type }) => type === "gone")).toHaveLength(14);
  }, 90_000);

  test("a CRD comes, is deleted with its objects, and comes back", async () => {
    const source = await follow({ kinds: [configMaps, widgets] });
    expect(problems.map(({ code }) => code)).toEqual(["ABSENT"]);
    await createCrd(admin);
    await until("a widget can be made", () =>
      create(admin, widgets, "one").then(
        () => true,
        () => false,
      ),
    );
    await create(admin, widgets, "two");
    await until("both widgets", () => source.objects().length === 2, absentAskedMs);
    await remove(admin, widgets, "two");
    await until("the user's deletion", () => source.objects().length === 1, reconcileMs);
    await deleteCrd(admin);
    await until("the absence", () => source.states()[1]?.condition === "absent", 20_000);
    expect(Object.keys(versionsOf(source.objects()))).toEqual(["one"]);
    await createCrd(admin);
    await until(
      "a widget can be made",
      () =>
        create(admin, widgets, "three").then(
          () => true,
          () => false,
        ),
      20_000,
    );
    await until("the new widget", () => "three" in versionsOf(source.objects()), absentAskedMs);
    await until("the old widget leaves", () => !("one" in versionsOf(source.objects())), 40_000);
    await untilEqual(source, widgets);
  }, 150_000);

  test("rights that are missing, come, and are taken away again", async () => {
    const source = await follow({ limits: { watchMs: 1_000 } }, "watcher");
    expect(problems).toMatchObject([
      {
        code: "FORBIDDEN",
        missing: { verb: "list", resource: "configmaps", namespace: "default" },
      },
    ]);
    const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    const rules: unknown = [JSON.parse(problems[0]?.missing?.rule ?? "{}")];
    await admin.request({
      method: "POST",
      path: `${rbac}/roles`,
      body: { metadata: { name: "watch" }, rules },
    });
    const binding = {
      metadata: { name: "watch" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "watch" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "watcher" }],
    };
    await admin.request({ method: "POST", path: `${rbac}/rolebindings`, body: binding });
    await create(admin, configMaps, "allowed");
    await until("the object", () => source.objects().length > 0, 35_000);
    await admin.request({ method: "DELETE", path: `${rbac}/rolebindings/watch` });
    await until("the loss", () => source.states()[0]?.condition === "forbidden", 20_000);
    expect(Object.keys(versionsOf(source.objects()))).toContain("allowed");
    await remove(admin, configMaps, "allowed");
    await admin.request({ method: "POST", path: `${rbac}/rolebindings`, body: binding });
    await until("it follows again", () => source.states()[0]?.condition === "following", 35_000);
    await untilEqual(source);
  }, 150_000);

  test("a lease has one holder, and a status is written with others' fields kept", async () => {
    const options = { client: admin, namespace: "default", name: "umbra" };
    const first = holdLease({ ...options, identity: "first" });
    await until("the first holds it", () => first.remainingMs() > 0);
    const second = holdLease({ ...options, identity: "second" });
    closing.push(() => second.close());
    await until("renewals", async () => (await transitions(admin)).renewed, 20_000);
    expect([first.remainingMs() > 0, second.remainingMs()]).toEqual([true, 0]);
    await first.close();
    await until("the second holds it", () => second.remainingMs() > 0, 5_000);
    await createCrd(admin);
    await until(
      "a widget can be made",
      () =>
        create(admin, widgets, "w").then(
          () => true,
          () => false,
        ),
      20_000,
    );
    const patch = (key: string): ReturnType<typeof patchStatus> =>
      patchStatus({
        client: admin,
        kind: widgets,
        namespace: "default",
        name: "w",
        change: ({ status }) => ({ ...(status as object | undefined), [key]: "1" }),
        remainingMs: () => second.remainingMs(),
      });
    expect(await Promise.all(["a", "b", "c"].map(patch))).toEqual([
      "written",
      "written",
      "written",
    ]);
    expect(await patch("a")).toBe("unchanged");
    const widget = await admin.request({
      method: "GET",
      path: "/apis/test.umbra.dev/v1/namespaces/default/widgets/w",
    });
    expect(widget.status).toEqual({ a: "1", b: "1", c: "1" });
  }, 90_000);
});

async function transitions(client: ApiClient): Promise<{ readonly renewed: boolean }> {
  const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/umbra";
  const { spec } = await client.request({ method: "GET", path });
  const { acquireTime, renewTime } = spec as Record<string, string>;
  return { renewed: acquireTime !== renewTime };
}
