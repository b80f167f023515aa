import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Sample, ShadowReport } from "@umbra/shadow";
import { testSize } from "../testing/test-size.ts";
import { post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { runUmbra } from "./harness/processes.ts";
import { policyScenario } from "./harness/resources.ts";
import { type SecretServer, startSecretServer } from "./harness/secret-server.ts";
import { until } from "./harness/until.ts";

const seed = Number(process.env.PRIVACY_SEED ?? Math.floor(Math.random() * 2 ** 31));
let state = seed;
function random(): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  return state / 2 ** 32;
}

/** No words of any language, so that none is on a page by chance. */
const letters = [..."bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZжщфыэ天気雨🚀"];
function secret(): string {
  const length = 40 + Math.floor(random() * 200);
  return Array.from({ length }, () =>
    random() < 0.1 ? " " : letters[Math.floor(random() * letters.length)],
  ).join("");
}

const substringChars = 8;
function substringsOf(text: string): readonly string[] {
  const points = [...text];
  return points
    .slice(substringChars - 1)
    .map((_, i) => points.slice(i, i + substringChars).join(""));
}

const requests = testSize(30, 60);
const tools = [
  { type: "function", function: { name: "look", parameters: { type: "object", required: ["x"] } } },
];

describe.each(["numbers", "sketch"])("with `mode: %s`", (mode) => {
  const policy = `  candidates:
    - backendRef: {name: same}
    - backendRef: {name: again}
      role: control
  sampling: {percent: 100}
  budget: {maxInFlight: 64, maxBodyBytes: 65536}
  evaluation: {horizon: 30s, warmup: 0s, minPairs: 200, blockLengths: [500ms, 1s], outputs: {mode: ${mode}, refusal: {header: X-Guard}}}`;
  const folder = mkdtempSync(join(tmpdir(), "umbra-privacy-"));
  const file = join(folder, "samples.ndjson");
  const prompts: string[] = [];
  const servers: SecretServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    const names = ["primary", "same", "again"];
    for (const name of names) {
      servers.push(await startSecretServer(secret, name === "same" ? "blocked" : "none"));
    }
    const pools = Object.fromEntries(names.map((name, i) => [name, servers[i]?.address ?? ""]));
    gateway = await startGateway({
      resources: policyScenario({
        ...{ backends: { primary: 1 }, mirrors: ["same", "again"], pools, policy },
      }),
      serveFlags: ["--samples", file, "--log-level", "debug"],
    });
    for (let i = 0; i < requests; i++) {
      const content = secret();
      prompts.push(content);
      const messages = [{ role: "user", content }];
      const more = i % 3 === 0 ? { tools } : {};
      const body = JSON.stringify({ model: "m", stream: i % 2 === 0, messages, ...more });
      expect((await post(gateway.origin, body)).status).toBe(200);
    }
    await until("most pairs are compared", async () => {
      await gateway.json("/v1/report");
      return compared().length >= 1.8 * requests;
    });
  }, 120_000);

  afterAll(async () => {
    await gateway?.stop();
    await Promise.all(servers.map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  const compared = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.includes('"cmp"'))
      .map((line) => JSON.parse(line) as Sample)
      .filter(({ cmp }) => cmp?.why === null);

  /** All that Umbra writes, shows and answers. */
  async function written(): Promise<Readonly<Record<string, string>>> {
    const page = async (path: string) => (await fetch(`http://${gateway.admin}${path}`)).text();
    const report = async (...flags: readonly string[]) => {
      const all = ["--samples", file, "--warmup", "0", "--control", "default/again", ...flags];
      const { status, stdout, stderr } = await runUmbra("report", ...all);
      expect({ status, stderr }).toMatchObject({ status: 0 });
      return stdout;
    };
    const html = join(folder, "report.html");
    await report("--html", html, "--candidate", "default/same");
    const only = ["--candidate", "default/same"];
    const pages = ["/", "/live.js", "/metrics", "/v1/report", "/v1/pairs", "/v1/mirrors"];
    return {
      ...Object.fromEntries(
        await Promise.all(pages.map(async (path) => [path, await page(path)] as const)),
      ),
      config: await page("/v1/config"),
      samples: readFileSync(file, "utf8"),
      log: gateway.sidecar().output(),
      table: await report(...only),
      json: await report("-o", "json", ...only),
      html: readFileSync(html, "utf8"),
      markdown: await report("--markdown", "-", ...only),
      junit: await report("--junit", "-", ...only),
    };
  }

  test("an answer whose header says so is a refusal", () => {
    const refusals = (pool: string, lane: "primary" | "shadow") =>
      new Set(
        compared().flatMap(({ candidate, [lane]: leg }) =>
          candidate === pool ? [leg?.out?.refusal] : [],
        ),
      );
    expect(refusals("default/same", "shadow")).toEqual(new Set([1]));
    expect(refusals("default/same", "primary")).toEqual(new Set([0]));
    expect(refusals("default/again", "shadow")).toEqual(new Set([0]));
  });

  test("reports and their renderings tell about compared pairs", async () => {
    const { json, table, html, markdown, junit, ...all } = await written();
    const { reports } = JSON.parse(all["/v1/report"] ?? "") as { reports: readonly ShadowReport[] };
    const live = reports.find(({ candidate }) => candidate.pool === "default/same");
    const [stored] = [JSON.parse(json ?? "")].flat() as readonly ShadowReport[];
    for (const report of [live, stored]) {
      expect(report?.outputs?.compared).toBeGreaterThan(0.8 * requests);
      expect(report?.outputs?.floor?.triples).toBeGreaterThan(0.8 * requests);
    }
    expect([table, html, markdown, junit]).toEqual(
      Array.from({ length: 4 }, () => expect.stringContaining("pairs compared")),
    );
  }, 120_000);

  test("no 8 characters of a prompt or an answer are in anything that Umbra writes", async () => {
    const texts = [...prompts, ...servers.flatMap(({ texts: sent }) => sent)];
    expect(texts.length).toBeGreaterThan(4 * requests);
    const secrets = new Set(texts.flatMap(substringsOf));
    const found = Object.entries(await written()).flatMap(([name, text]) =>
      substringsOf(text).flatMap((each) => (secrets.has(each) ? [`${name}: ${each}`] : [])),
    );
    expect({ seed, found }).toEqual({ seed, found: [] });
  }, 120_000);
});
