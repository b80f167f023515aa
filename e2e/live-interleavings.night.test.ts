import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { request } from "undici";
import { isLong } from "../testing/test-size.ts";
import { plainWorld } from "./harness/ads-gateway.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { type LiveGateway, startLiveGateway } from "./harness/live-gateway.ts";
import { freePorts } from "./harness/ports.ts";
import { until } from "./harness/until.ts";

/** A hundred, as each night, take some minutes. */
const runs = Number(process.env.LIVE_RUNS ?? (isLong ? 100 : 6));
const seed = Number(process.env.LIVE_SEED ?? Date.now() % 1_000_000);
const names = ["a", "b", "c"];
const echoNames = ["first", "second"];
const echoes: EchoServer[] = [];
let gateway: LiveGateway;
let port = 0;
const random = randomOf(seed);

/** Which server answers a Service's path; absent: there is no such route. */
type World = Readonly<Record<string, number>>;

/**
 * How often the world was written. Each text has a path with its number: once Envoy serves it, the sidecar has read
 * that text, and what Envoy has is not what it had before.
 */
let worldsWritten = 0;
type Action =
  | "change"
  | "write a route that Envoy refuses"
  | "remove it"
  | "kill the sidecar"
  | "kill Envoy"
  | "let time pass";

beforeAll(async () => {
  for (const name of echoNames) echoes.push(await startEchoServer(name));
  [port = 0] = await freePorts(1);
  gateway = await startLiveGateway({ files: { "world.yaml": textOf({}), [refusedFile]: noRoute } });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await Promise.all(echoes.map((each) => each.close()));
});

/** Its regular expression is valid for Umbra, and larger than what Envoy compiles. */
const refusedRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: refused}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: {type: RegularExpression, value: "/refused/(?:${"a".repeat(900)}){1000}"}}]
      backendRefs: [{name: stable, port: 80}]
`;
const noRoute = "# no route\n";
const refusedFile = "refused.yaml";

/** True if a finding names the route that Envoy refuses. */
async function isFound(): Promise<boolean> {
  const { findings } = await gateway.json<{ findings: readonly { message: string }[] }>(
    "/v1/config",
  );
  return findings.some(({ message }) =>
    message.includes("Envoy refuses HTTPRoute default/refused"),
  );
}

function textOf(world: World): string {
  const address = (server: number) => [echoes[server]?.address ?? ""];
  const services = { stable: address(0), ...mapped(world, address) };
  const always = { "/stable": "stable", [writtenPath()]: "stable" };
  const routes = { ...always, ...mappedNames(world) };
  return plainWorld({ port, services, routes });
}

function worldAtRandom(): World {
  const chosen = names.filter(() => random() < 0.6);
  return Object.fromEntries(chosen.map((name) => [name, Math.floor(random() * 2)]));
}

async function answer(path: string): Promise<string> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`);
  const text = await body.text();
  return statusCode === 200 ? (JSON.parse(text) as { from: string }).from : String(statusCode);
}

/** Asks for the path that is always there; `isDown` says when Envoy is killed. */
async function watchStable(isDown: () => boolean, isOver: () => boolean): Promise<string[]> {
  const wrong: string[] = [];
  const untilMs = performance.now() + 600_000;
  while (!isOver() && performance.now() < untilMs) {
    const before = isDown();
    const seen = await answer("/stable").catch(String);
    if (seen !== "first" && !before && !isDown()) wrong.push(seen);
    await sleep(2);
  }
  return wrong;
}

test(`${runs} random interleavings of changes, refusals and kills of either side: at rest Envoy serves the last good files, and a route that stays never fails (seed ${seed})`, async () => {
  let isEnvoyDown = false;
  let isOver = false;
  await until("it serves", async () => (await answer("/stable")) === "first");
  const watching = watchStable(
    () => isEnvoyDown,
    () => isOver,
  );
  let world: World = {};
  let isRefused = false;
  const perform = async (action: Action) => {
    switch (action) {
      case "change":
        world = worldAtRandom();
        worldsWritten++;
        gateway.write("world.yaml", textOf(world));
        break;
      case "write a route that Envoy refuses":
        isRefused = true;
        gateway.write(refusedFile, refusedRoute);
        break;
      case "remove it":
        isRefused = false;
        gateway.write(refusedFile, noRoute);
        break;
      case "kill the sidecar":
        await gateway.killSidecar();
        await gateway.startSidecar();
        break;
      case "kill Envoy":
        isEnvoyDown = true;
        await gateway.killEnvoy();
        await gateway.startEnvoy();
        break;
      case "let time pass":
        await sleep(random() * 200);
    }
  };
  const actions: readonly Action[] = [
    ...(["change", "change", "change", "let time pass"] as const),
    ...(["write a route that Envoy refuses", "remove it"] as const),
  ];
  for (let run = 0; run < runs; run++) {
    const kill: Action = run % 2 === 0 ? "kill the sidecar" : "kill Envoy";
    const at = Math.floor(random() * 4);
    for (let i = 0; i < 5; i++) {
      const any = actions[Math.floor(random() * actions.length)] ?? "change";
      await perform(i === at ? kill : any);
    }
    // Each third run ends with such a route, whatever chance did.
    await perform(run % 3 === 0 ? "write a route that Envoy refuses" : "remove it");
    const want = rest(world, isRefused);
    await until(
      `run ${run} of seed ${seed} ends with ${JSON.stringify(want.served)}`,
      async () => isDeepStrictEqual(await served(), want.served),
      30_000,
    );
    await until("it serves again", async () => (await answer("/stable")) === "first");
    isEnvoyDown = false;
    await until(
      `run ${run} of seed ${seed} ends with ${JSON.stringify(want)}`,
      async () => isDeepStrictEqual(await restNow(), want),
      30_000,
    ).catch(async (cause: unknown) => {
      throw new Error(`it has ${JSON.stringify(await restNow())}`, { cause });
    });
  }
  isOver = true;
  expect(await watching).toEqual([]);
}, 600_000);

/** What there is to see once all that was written is served. */
interface Rest {
  /** Which server answers, by path. */
  readonly served: Readonly<Record<string, string>>;
  /** Whether a finding names the route that Envoy refuses. */
  readonly isFound: boolean;
  /** Of each connected Envoy. */
  readonly areUpToDate: readonly boolean[];
  readonly clusters: readonly string[];
}

function rest(world: World, isRefused: boolean): Rest {
  const servers = names.map((name) => {
    return [`/${name}`, name in world ? echoNames[world[name] ?? 0] : "404"];
  });
  return {
    served: Object.fromEntries([...servers, [writtenPath(), "first"]]),
    isFound: isRefused,
    areUpToDate: [true],
    clusters: ["stable", ...Object.keys(world)]
      .map((name) => `primary/service:default/${name}:80`)
      .sort(),
  };
}

async function restNow(): Promise<Rest> {
  const { envoys } = await gateway.config();
  return {
    served: await served(),
    isFound: await isFound(),
    areUpToDate: envoys.map(({ isUpToDate }) => isUpToDate),
    clusters: await clustersOf(gateway),
  };
}

async function served(): Promise<Rest["served"]> {
  const paths = [...names.map((name) => `/${name}`), writtenPath()];
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await answer(path)] as const)),
  );
}

function writtenPath(): string {
  return `/world-${worldsWritten}`;
}

async function clustersOf({ envoy }: LiveGateway): Promise<readonly string[]> {
  const dump = (await envoy().configDump()) as readonly {
    readonly dynamic_active_clusters?: readonly { readonly cluster: { readonly name: string } }[];
  }[];
  const all = dump.flatMap(({ dynamic_active_clusters: active = [] }) => active);
  return all
    .map(({ cluster }) => cluster.name)
    .filter((name) => name.startsWith("primary/"))
    .sort();
}

function mapped<T>(world: World, to: (server: number) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(world).map(([name, server]) => [name, to(server)]));
}

function mappedNames(world: World): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(world).map((name) => [`/${name}`, name]));
}

/** Uniform in [0, 1), the same for the same seed. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
