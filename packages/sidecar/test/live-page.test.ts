import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { evaluationConfig, judge } from "@umbra/shadow";
import { livePage } from "@umbra/sidecar";

const browser = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (file) => file !== undefined && existsSync(file),
);
/** Where there is no browser, its tests are told as skipped. */
const withBrowser = browser === undefined ? test.skip : test;

const hostile = '<img src=x onerror="document.title=1">';

/** Samples as a file has them; every pair is equal. */
function reportOf(candidate: string) {
  const leg = {
    ...{
      status: 200,
      class: "ok" as const,
      stream: true,
      ttft: 100,
      ttfo: 100,
      tpot: 20,
      e2e: 500,
    },
    ...{ outTokens: 21, tokenSource: "usage" as const, outChars: 80, promptTokens: 50 },
    ...{ cachedTokens: 0, promptBytes: 400, finish: "stop", endpoint: null, attempts: 1 },
  };
  const samples = Array.from({ length: 1_000 }, (_, i) => ({
    ...{ v: 1 as const, id: `r${i}`, t0: 1_000 + i * 500, route: "default/route", candidate },
    ...{ mirrored: true, drop: null, session: null, primary: leg, shadow: { ...leg, ttft: 150 } },
  }));
  return judge({ samples, config: evaluationConfig({ warmupMs: 0 }) });
}

const snapshot = {
  reports: [reportOf("default/pool-b")],
  pools: [
    {
      name: hostile,
      endpoints: [
        {
          address: "10.0.0.1:8000",
          inFlight: 3,
          metrics: {
            kind: "fresh",
            metrics: { waitingRequests: 7, runningRequests: 2, kvCacheUsage: 0.42 },
          },
        },
      ],
    },
  ],
  mirrors: [
    {
      ...{ candidate: "default/pool-b", route: "default/route", role: "candidate", percent: 25 },
      ...{ by: "session", inFlight: 1, mirrored: 10, dropped: { size: 2 }, paused: true },
      ...{ pausedBy: "paused", breaker: "closed" },
    },
  ],
};

describe("the live page", () => {
  test("needs nothing from elsewhere", () => {
    const page = livePage();
    expect(/(?:src|href)\s*=\s*"?https?:/.test(page)).toBe(false);
    expect(page.includes("default-src 'none'")).toBe(true);
    expect(page.length).toBeLessThan(120_000);
  });

  let server: Server;
  let origin = "";
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === "/") {
        response.writeHead(200, { "content-type": "text/html" }).end(livePage());
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`retry: 600000\ndata: ${JSON.stringify(snapshot)}\n\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  withBrowser(
    "shows verdict, gates, mirrors and pools in a real browser, and no markup from outside",
    async () => {
      const dom = await domOf(origin);
      const text = dom.replace(/<(script|style)[\s\S]*?<\/\1>/g, "");
      for (const part of [
        "✗ FAIL",
        "ttft.typical",
        "default/pool-b",
        "25 % by session",
        "size 2",
        "! paused (paused)",
        "10.0.0.1:8000",
        "42 %",
        "uplot",
      ]) {
        expect([part, text.includes(part)]).toEqual([part, true]);
      }
      expect(text.includes("&lt;img src=x")).toBe(true);
      expect(text.includes("<img")).toBe(false);
    },
    60_000,
  );
});

async function domOf(url: string): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), "umbra-browser-"));
  const flags = [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ...[`--user-data-dir=${profile}`, "--virtual-time-budget=3000", "--dump-dom", url],
  ];
  const child = spawn(browser ?? "", flags, { stdio: ["ignore", "pipe", "ignore"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), 40_000);
  let dom = "";
  for await (const chunk of child.stdout) dom += String(chunk);
  clearTimeout(timer);
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  return dom;
}
