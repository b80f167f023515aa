import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Script } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  evaluationConfig,
  judge,
  type Sample,
  type SampleLeg,
  type ShadowReport,
} from "@umbra/shadow";
import { livePage } from "../src/live-page/page.ts";
import { script } from "../src/live-page/script.ts";

const page = livePage();
const hostileName = '<img src=x onerror="alert(1)">';

describe("the page", () => {
  test("loads nothing from elsewhere", () => {
    expect(page).not.toMatch(/(?:src|href)\s*=\s*["']?(?:https?:)?\/\//i);
    expect(page).not.toMatch(/@import|url\(/i);
  });

  test("lets the browser load and reach nothing else", () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/
      .exec(page)?.[1]
      ?.split("; ");
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "script-src 'unsafe-inline'",
        "connect-src 'self'",
      ]),
    );
  });

  test("is small", () => {
    expect(Buffer.byteLength(page)).toBeLessThan(120 * 1024);
  });

  test("has a script that parses and never makes markup of text", () => {
    expect(() => new Script(`"use strict";${script}`)).not.toThrow();
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
  });

  test("has an element for every id that the script asks for", () => {
    const asked = [...script.matchAll(/\bat\("([^"]+)"\)/g)].map(([, id]) => id);
    const there = new Set([...page.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((id) => id === undefined || !there.has(id))).toEqual([]);
  });
});

const browser = [
  process.env.CHROMIUM_BIN,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path): path is string => path !== undefined && path !== "" && existsSync(path));
const withChromium = browser === undefined ? test.skip : test;

describe("the page in Chromium", () => {
  let server: Server;
  let url: string;
  let events: readonly object[];

  beforeEach(async () => {
    server = createServer((request, response) => {
      if (request.url === "/") {
        response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
      } else if (request.url === "/v1/events") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        // Chromium's virtual time stands still while a stream is open: this one ends, and is not asked for again.
        response.write("retry: 3600000\n\n");
        for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
        response.end();
      } else {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  withChromium(
    "shows the newest event: verdict, gates, chart, mirrors and pools",
    async () => {
      events = [
        { reports: [], pools: [], mirrors: [] },
        {
          reports: [report("pool-b", 1.3)],
          pools: [pool("pool-a"), pool("pool-b")],
          mirrors: [mirror("pool-b")],
        },
      ];
      const dom = await domOf(url);
      expect(elementText(dom, "word")).toBe("✗ FAIL");
      expect(elementText(dom, "next")).toMatch(/^Next: \S/);
      expect(rowHeads(dom, "gates")).toEqual(
        expect.arrayContaining(["ttft.typical", "tpot.typical", "errors"]),
      );
      expect(dom).toMatch(/<i class="limit" style="left: 60%;">/);
      expect(dom).toMatch(
        /<div id="chart"[^>]*aria-label="Ratio over time: 1\.\d+ after[^>]*><div[^>]*class="uplot/,
      );
      expect(rowHeads(dom, "mirrors")).toEqual(["pool-b"]);
      expect(elementText(dom, "mirrors")).toContain("concurrency 1,204, size 3");
      expect(elementText(dom, "mirrors")).toContain("! paused (protection)");
      expect(rowHeads(dom, "pools").filter((name) => name.startsWith("pool-"))).toEqual([
        "pool-a2 endpoints, llama",
        "pool-b2 endpoints, llama",
      ]);
      expect(elementText(dom, "pools")).toContain("! 1 of 2 fresh");
    },
    30_000,
  );

  withChromium(
    "says so when the connection is lost, and keeps what it has",
    async () => {
      events = [{ reports: [report("pool-b", 1)], pools: [], mirrors: [] }];
      const dom = await domOf(url);
      expect(elementText(dom, "link")).toMatch(/^! connection lost, retrying; last heard at /);
      expect(elementText(dom, "word")).toBe("✓ PASS");
    },
    30_000,
  );

  withChromium(
    "says so when nothing is evaluated, and shows the pools",
    async () => {
      events = [{ reports: [], pools: [pool("pool-a")], mirrors: [] }];
      const dom = await domOf(url);
      expect(dom).toMatch(/<section id="waiting">/);
      expect(dom).toMatch(/<div id="evaluation" hidden="">/);
      expect(elementText(dom, "mirrors")).toBe("Nothing is mirrored.");
      expect(rowHeads(dom, "pools")).toEqual([
        "pool-a2 endpoints, llama",
        "10.0.0.1:8000",
        "10.0.0.2:8000",
      ]);
    },
    30_000,
  );

  withChromium(
    "lets one choose between candidates",
    async () => {
      events = [{ reports: [report("pool-b", 1), report("pool-c", 1.3)], pools: [], mirrors: [] }];
      const dom = await domOf(url);
      expect(dom).toMatch(/<label id="choice">/);
      expect([...dom.matchAll(/<option[^>]*>([^<]*)/g)].map(([, name]) => name)).toEqual([
        "pool-b",
        "pool-c",
      ]);
      expect(elementText(dom, "word")).toBe("✓ PASS");
    },
    30_000,
  );

  withChromium(
    "shows hostile names as text",
    async () => {
      events = [
        {
          reports: [report(hostileName, 1), report("pool-c", 1)],
          pools: [pool(hostileName)],
          mirrors: [mirror(hostileName)],
        },
      ];
      const dom = await domOf(url);
      expect(dom).not.toContain("<img");
      const escaped = '&lt;img src=x onerror="alert(1)"&gt;';
      expect(rowHeads(dom, "pools")[0]).toBe(`${escaped}2 endpoints, llama`);
      expect(rowHeads(dom, "mirrors")).toEqual([escaped]);
      expect(dom).toMatch(/<option[^>]*>&lt;img src=x/);
    },
    30_000,
  );
});

/** The document as it is when all events are shown. */
async function domOf(url: string): Promise<string> {
  const profile = await mkdtemp(join(tmpdir(), "umbra-live-page-"));
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--virtual-time-budget=4000",
    `--user-data-dir=${profile}`,
    "--dump-dom",
    url,
  ];
  // A group of its own: its helpers go with it.
  const child = spawn(browser ?? "", flags, {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const limit = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, 20_000);
  try {
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    clearTimeout(limit);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Text inside the element, tags left out, entities kept. */
function elementText(dom: string, id: string): string {
  const [, tag, inner] =
    new RegExp(`<(\\w+) [^>]*id="${id}"[^>]*>(.*?)</\\1>`, "s").exec(dom) ?? [];
  return tag === undefined ? "" : (inner ?? "").replaceAll(/<[^>]*>/g, "");
}

function rowHeads(dom: string, id: string): readonly string[] {
  const body = new RegExp(`<tbody id="${id}">(.*?)</tbody>`, "s").exec(dom)?.[1] ?? "";
  return [...body.matchAll(/<th scope="row"[^>]*>(.*?)<\/th>/gs)].map(([, head]) =>
    (head ?? "").replaceAll(/<[^>]*>/g, "").replace(" (advisory)", ""),
  );
}

/** As the judge gives it, of 2,400 pairs in ten minutes. */
function report(candidate: string, ratio: number): ShadowReport {
  const config = evaluationConfig({ horizonMs: 599_000, minPairs: 2_000, warmupMs: 0 });
  const samples = Array.from({ length: 2_400 }, (_, index) => sample(index, candidate, ratio));
  return judge({
    samples,
    config,
    facts: { baseline: { pool: "pool-a" }, candidate: { pool: candidate } },
  });
}

function sample(index: number, candidate: string, ratio: number): Sample {
  // Spread without chance: a pair's own noise, and a shared size.
  const size = 1 + ((index * 7) % 13) / 13;
  const noise = 1 + (((index * 37) % 101) - 50) / 500;
  return {
    v: 1,
    id: `r${index}`,
    t0: Date.UTC(2026, 0, 1) + index * 250,
    route: "default/chat",
    candidate,
    mirrored: true,
    drop: null,
    session: null,
    primary: leg(size),
    shadow: leg(size * noise * ratio),
    lag: 2,
  };
}

function leg(scale: number): SampleLeg {
  return {
    status: 200,
    class: "ok",
    stream: true,
    ttft: 100 * scale,
    ttfo: 100 * scale,
    tpot: 20 * scale,
    e2e: 500 * scale,
    outTokens: 21,
    tokenSource: "usage",
    outChars: 80,
    promptTokens: 50,
    cachedTokens: 10,
    promptBytes: 400,
    finish: "stop",
    endpoint: "10.0.0.1:8000",
    attempts: 1,
  };
}

/** As `GET /v1/pools` gives it. */
function pool(name: string): object {
  const metrics = {
    scrapedAtMs: 1_000,
    waitingRequests: 2,
    runningRequests: 11,
    kvCacheUsage: 0.42,
    activeAdapters: [],
    maxActiveAdapters: 0,
  };
  const endpoint = { inFlight: 5, sentSinceScrape: 1, recentAdapters: [] };
  return {
    name,
    models: ["llama"],
    adapters: [],
    endpoints: [
      {
        address: "10.0.0.1:8000",
        ...endpoint,
        metrics: { kind: "fresh", metrics },
        metricsAgeMs: 400,
      },
      {
        address: "10.0.0.2:8000",
        ...endpoint,
        metrics: { kind: "missing" },
        lastFailure: "timeout",
      },
    ],
  };
}

/** As `GET /v1/mirrors` gives it. */
function mirror(candidate: string): object {
  return {
    name: `default/chat ${candidate}`,
    route: "default/chat",
    candidate,
    policy: null,
    role: "candidate",
    percent: 12.5,
    by: "request",
    paused: true,
    pausedBy: "protection",
    breaker: "closed",
    inFlight: 7,
    eligible: 20_000,
    sampled: 2_500,
    mirrored: 1_293,
    dropped: { concurrency: 1_204, size: 3 },
    budgetUsed: { requests: 0.3 },
  };
}
