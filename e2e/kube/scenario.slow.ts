import { afterEach, expect, test } from "@jest/globals";
import { request } from "undici";
import type { ModelServer } from "../harness/model-servers.ts";
import { freePorts } from "../harness/ports.ts";
import { type Running, runUmbra, startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { podNetwork, primary, shadow, startPods, startScenario } from "./scenario-cluster.ts";

const inPodNetwork = podNetwork === "" ? test.skip : test;

const question = {
  ...{ model: "/model/llama2", max_completion_tokens: 100, temperature: 0 },
  messages: [{ role: "user", content: "introduce yourself" }],
};

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
}, 60_000);

inPodNetwork(
  "the reference scenario's files, applied as they are, are served and mirrored with smart picks on both sides",
  async () => {
    const scenario = await startScenario((stop) => void closing.push(stop));
    const { kube } = scenario;
    const primaries = await startPods(scenario, primary, 1);
    const shadows = await startPods(scenario, shadow, 2);

    const [grpc, adminPort, envoyAdmin] = await freePorts(3);
    const address = `127.0.0.1:${adminPort}`;
    const up = start(
      ...["up", "--kube", "--kubeconfig", kube.kubeconfig("admin"), "--namespace", "default"],
      ...["--gateway-class", "example-gateway-class", "--grpc", `127.0.0.1:${grpc}`],
      ...["--admin", address, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    );
    await until("umbra up is ready", () => up.output().includes("umbra: ready"), 90_000);
    await until("requests are answered", async () => (await ask()).status === 200, 60_000).catch(
      (cause: Error) => {
        throw new Error(`${cause.message}\n${up.output().slice(-3_000)}`);
      },
    );
    const answers: Awaited<ReturnType<typeof ask>>[] = [];
    for (let count = 0; count < 20; count++) answers.push(await ask());
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(answers[0]?.answer).toMatchObject({ choices: [{ index: 0 }] });
    const counts = (): string => `${total(shadows)} of ${total(primaries)}`;
    await until("all are mirrored", () => total(shadows) === total(primaries)).catch(async () => {
      throw new Error(`${counts()} mirrored: ${await textAt(`http://${address}/v1/mirrors`)}`);
    });
    expect(total(primaries)).toBeGreaterThanOrEqual(20);
    // Both of the shadow's pods got some: a plain Service is picked for as well as a pool.
    expect(shadows.map(requestsOf)).not.toContain(0);
    const { stdout } = await runUmbra("report", "--admin", address, "-o", "json");
    expect(JSON.parse(stdout)).toMatchObject({
      candidate: { pool: expect.stringContaining(shadow) },
      verdict: { status: "INCONCLUSIVE" },
    });
  },
  300_000,
);

/** As in the scenario's own words. */
async function ask(): Promise<{ readonly status: number; readonly answer: unknown }> {
  const { statusCode: status, body } = await request("http://127.0.0.1:80/v1/chat/completions", {
    method: "POST",
    headers: { host: "example.com", "content-type": "application/json" },
    body: JSON.stringify(question),
  });
  const text = await body.text();
  return { status, answer: status === 200 ? JSON.parse(text) : text };
}

async function textAt(url: string): Promise<string> {
  const { body } = await request(url);
  return body.text();
}

function start(...args: readonly string[]): Running {
  const running = startUmbra(...args);
  closing.push(() => running.stop());
  return running;
}

function requestsOf({ server }: ModelServer): number {
  return server.state().requestsServed;
}

function total(servers: readonly ModelServer[]): number {
  return servers.reduce((sum, each) => sum + requestsOf(each), 0);
}
