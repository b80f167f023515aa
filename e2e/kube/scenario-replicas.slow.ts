import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { directTopology, renderAdsBootstrap } from "@umbra/envoy-config";
import type { ApiClient } from "@umbra/kubernetes";
import type { ShadowReport } from "@umbra/shadow";
import { request } from "undici";
import { steadyLoad } from "../harness/load.ts";
import { freePorts } from "../harness/ports.ts";
import { type Running, runUmbra, startProcess, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import {
  apply,
  podNetwork,
  primary,
  shadow,
  startPod,
  startPods,
  startScenario,
} from "./scenario-cluster.ts";

const inPodNetwork = podNetwork === "" ? test.skip : test;
const envoyBinary =
  process.env.ENVOY_BIN ?? new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url).pathname;

const policy = {
  apiVersion: "umbra.dev/v1alpha1",
  kind: "ShadowPolicy",
  metadata: { name: "mirror" },
  spec: {
    targetRefs: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "mirror-route" }],
    sampling: { percent: 100 },
    budget: { maxInFlight: 512, maxBodyBytes: 65_536 },
    evaluation: {
      ...{ horizon: "36s", warmup: "2s", minPairs: 200 },
      blockLengths: ["500ms", "1s", "1500ms", "2s"],
    },
  },
};

const peersService = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "umbra-peers" },
  spec: { clusterIP: "None", selector: { app: "umbra" }, ports: [{ name: "peers", port: 9_004 }] },
};

const question = (): string =>
  JSON.stringify({
    ...{ model: "/model/llama2", max_tokens: 1, stream: true },
    messages: [{ role: "user", content: "introduce yourself" }],
  });

const closing: (() => Promise<void>)[] = [];
const onStarted = (stop: () => Promise<void>): void => void closing.push(stop);
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
}, 60_000);

inPodNetwork(
  "two replicas mirror the reference scenario, and the policy's status has the verdict of both samples files",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-replicas-"));
    onStarted(async () => rmSync(folder, { recursive: true, force: true }));
    const file = (name: string): string => join(folder, name);
    writeFileSync(file("secret"), "a secret that both replicas have in common\n", { mode: 0o600 });
    const scenario = await startScenario(onStarted);
    const { admin, kube } = scenario;
    const lanes = [await startPods(scenario, primary, 1), await startPods(scenario, shadow, 2)];
    for (const [lane, servers] of lanes.entries()) {
      const factor = lane === 0 ? 1 : 2.5;
      servers.forEach(({ server }, index) => {
        server.setFaults({ delayMs: factor * (index === 0 ? 100 : 150) });
      });
    }
    await createPolicy(admin);
    await apply(admin, peersService);
    const replicas = await Promise.all(
      [0, 1].map(async (index) => {
        const ip = `${podNetwork}.9.${index + 1}`;
        await startPod(admin, { app: "umbra", index, ip });
        return startReplica({ folder, index, ip, kubeconfig: kube.kubeconfig("admin") });
      }),
    );
    for (const { origin, sidecar } of replicas) {
      const isServed = async (): Promise<boolean> => (await askOnce(origin)) === 200;
      await until("requests are answered", isServed, 90_000).catch((cause: Error) => {
        throw new Error(`${cause.message}\n${sidecar.output().slice(-3_000)}`);
      });
    }
    await until("both know each other", async () => {
      const pages = await Promise.all(replicas.map(({ admin: at }) => textAt(`${at}/metrics`)));
      return pages.every((page) => page.includes('umbra_peers{state="ready"} 1'));
    });

    const startedMs = performance.now();
    const load = { isOver: async () => performance.now() - startedMs > 30_000, mostMs: 35_000 };
    const seen = await Promise.all(
      replicas.map(({ origin }) => steadyLoad(origin, 12, question, load)),
    );
    expect(new Set(seen.flat().map(({ status }) => status))).toEqual(new Set([200]));

    let live: ShadowReport | undefined;
    await until(
      "one of them, and one only, judges the samples of both to the end",
      async () => {
        const reports = await Promise.all(replicas.map(({ admin: at }) => reportAt(at)));
        [live] = reports.filter((each) => (each?.funnel.paired ?? 0) > seen.flat().length);
        return live?.evaluation.is_final === true;
      },
      60_000,
    );
    const samples = replicas.flatMap(({ samples: each }) => ["--samples", each]);
    const { stdout } = await runUmbra(
      ...["report", "--kube", "--kubeconfig", kube.kubeconfig("admin")],
      ...["--namespace", "default", ...samples, "-o", "json"],
    );
    const recorded = JSON.parse(stdout) as ShadowReport;
    expect(recorded.verdict.status).toBe("FAIL");
    expect(live?.funnel.paired).toBe(recorded.funnel.paired);
    await until("the status has the last verdict", async () => {
      const { verdict, pairs } = await evaluationOf(admin);
      return verdict === "FAIL" && pairs === live?.funnel.used;
    });
    // A gate that fails before the end keeps what it was decided on; all others are of the same pairs in both.
    const undecided = (live?.gates ?? []).filter(({ n }) => n === recorded.funnel.used);
    expect(undecided.map(({ id }) => id)).toContain("ttft.very_slow");
    expect(recorded.gates).toEqual(expect.arrayContaining(undecided.map(alike)));
    expect(await evaluationOf(admin)).toMatchObject({
      verdict: recorded.verdict.status,
      ratio: ratioOfFailure(live),
      pairs: recorded.funnel.used,
    });
  },
  400_000,
);

/** A gate that has found the same of the same pairs: memory keeps values in single precision. */
function alike({ id, n, estimate }: ShadowReport["gates"][number]): unknown {
  const same = estimate === null ? null : expect.closeTo(estimate, 4);
  return expect.objectContaining({ id, n, estimate: same });
}

/** That of the first gate that failed, as a status shows it: with three decimals. */
function ratioOfFailure(report: ShadowReport | undefined): number {
  const failed = report?.gates.find(
    ({ required, status, kind, estimate }) =>
      required && status === "FAIL" && kind === "ratio" && estimate !== null,
  );
  return Math.round(Number(failed?.estimate) * 1_000) / 1_000;
}

interface Replica {
  readonly sidecar: Running;
  /** Of its Envoy. */
  readonly origin: string;
  /** Of its admin interface. */
  readonly admin: string;
  readonly samples: string;
}

interface ReplicaPlace {
  readonly folder: string;
  readonly index: number;
  /** The address of its pod. */
  readonly ip: string;
  readonly kubeconfig: string;
}

/** The two containers of a pod: a sidecar, and an Envoy that gets everything from it. */
async function startReplica({ folder, index, ip, kubeconfig }: ReplicaPlace): Promise<Replica> {
  const [grpc, adminPort, envoyAdmin] = await freePorts(3);
  const admin = `127.0.0.1:${adminPort}`;
  const samples = join(folder, `${index}.ndjson`);
  const ads = `unix:${join(folder, `${index}.sock`)}`;
  const sidecar = startUmbra(
    ...["serve", "--kube", "--kubeconfig", kubeconfig, "--namespace", "default"],
    ...["--gateway-class", "example-gateway-class", "--bind", ip, "--ads", ads],
    ...["--grpc", `127.0.0.1:${grpc}`, "--admin", admin],
    ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`, "--samples", samples],
    ...["--peers-listen", `${ip}:9004`, "--peers-service", "default/umbra-peers"],
    ...["--peer-secret-file", join(folder, "secret")],
  );
  onStarted(() => sidecar.stop());
  const bare = directTopology({ primary: [], shadow: [], port: 80 });
  const bootstrap = join(folder, `${index}.yaml`);
  const options = { envoyAdmin: `127.0.0.1:${envoyAdmin}` };
  writeFileSync(bootstrap, renderAdsBootstrap(bare, { address: ads }, options));
  const flags = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"];
  const envoy = startProcess(envoyBinary, "-c", bootstrap, ...flags);
  onStarted(() => envoy.stop());
  return { sidecar, origin: `http://${ip}:80`, admin: `http://${admin}`, samples };
}

async function createPolicy(admin: ApiClient): Promise<void> {
  const path = "/apis/umbra.dev/v1alpha1/namespaces/default/shadowpolicies";
  await admin.request({ method: "POST", path, body: policy });
}

interface EvaluationStatus {
  readonly verdict?: string;
  readonly ratio?: number;
  readonly pairs?: number;
}

async function evaluationOf(admin: ApiClient): Promise<EvaluationStatus> {
  const path = "/apis/umbra.dev/v1alpha1/namespaces/default/shadowpolicies/mirror";
  const { status } = await admin.request({ method: "GET", path });
  return (status as { readonly evaluation?: EvaluationStatus } | undefined)?.evaluation ?? {};
}

async function reportAt(admin: string): Promise<ShadowReport | undefined> {
  const { reports } = JSON.parse(await textAt(`${admin}/v1/report`)) as {
    readonly reports?: readonly ShadowReport[];
  };
  return reports?.[0];
}

async function textAt(url: string): Promise<string> {
  const { body } = await request(url);
  return body.text();
}

/** Status 0: there was no answer. */
async function askOnce(origin: string): Promise<number> {
  try {
    const { statusCode, body } = await request(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { host: "example.com", "content-type": "application/json" },
      body: question(),
    });
    await body.dump();
    return statusCode;
  } catch {
    return 0;
  }
}
