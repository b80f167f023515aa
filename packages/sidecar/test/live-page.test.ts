import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { evaluationConfig } from "@umbra/shadow";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import type { PoolAnswer } from "../src/admin/admin-answers.ts";
import { startAdminServer } from "../src/admin/admin-server.ts";
import type { HttpServer } from "../src/admin/http-routes.ts";
import { createJudging } from "../src/evaluation/judging.ts";
import type { MirrorState } from "../src/mirror/mirror-gate.ts";
import { type Browser, type BrowserPage, chromium, openBrowser } from "./chromium.ts";
import { endpoint, look, mirror, pool, report, samples } from "./live-fixtures.ts";
import { until } from "./until.ts";

const log = pino({ level: "silent" });
const where =
  chromium === undefined
    ? "skipped: Chromium not found, install it or set CHROMIUM_BIN"
    : "in Chromium";
const describeInChromium = chromium === undefined ? describe.skip : describe;

describeInChromium(`the live page, ${where}`, () => {
  let browser: Browser;
  let page: BrowserPage;

  beforeAll(async () => {
    browser = await openBrowser();
  }, 30_000);

  beforeEach(async () => {
    page = await browser.newPage();
  });

  afterAll(() => browser.close());

  const textOf = (selector: string) =>
    page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ""`);
  /** Waits for a text on the page. */
  const shows = (selector: string, words: RegExp) =>
    until(async () => words.test(String(await textOf(selector))));

  describe("of a sidecar", () => {
    let sidecar: Sidecar | undefined;
    let folder = "";
    let samplesFile = "";
    const topology = directTopology({
      primary: ["127.0.0.1:9"],
      shadow: ["127.0.0.1:9"],
      port: 80,
    });

    /** An earlier process evaluated ten minutes of traffic. */
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "umbra-live-"));
      samplesFile = join(folder, "run.ndjson");
      const [{ evaluation } = { evaluation: {} }] = topology.mirrors;
      const [route, candidate] = ["default/direct", "default/shadow"];
      const key = `${route} ${candidate}`;
      const config = evaluationConfig(evaluation);
      const judging = createJudging(
        {
          evaluations: [
            { key, route, candidate, role: "candidate", controlKey: undefined, config },
          ],
          ...{ samplesFile, capacity: 10_000, evaluateEveryMs: 1_000 },
        },
        (trouble) => expect(trouble).toBe(undefined),
      );
      const earlier = samples(2_400, Date.now() - 600_000, { candidate, route, ratio: 1.3 });
      judging.add(earlier.map((sample) => ({ key, sample })));
      judging.close();
    });

    const start = async (port = 0) => {
      sidecar = await startSidecar({
        ...{ topology, log, samplesFile, grpc: "127.0.0.1:0" },
        admin: { host: "127.0.0.1", port },
      });
      return `http://${sidecar.adminAddress}/`;
    };

    afterAll(async () => {
      await sidecar?.close(0);
      rmSync(folder, { recursive: true, force: true });
    });

    test("shows the report, follows changes, and reconnects after a restart", async () => {
      const url = await start();
      await page.open(url);
      await shows("#link", /^● live$/);
      await shows("[data-section=verdict]", /FAIL/);
      await shows("[data-section=gates]", /ttft\.typical/);
      for (const section of ["latency", "reliability", "plots", "validity", "method", "pools"]) {
        await shows(`[data-section=${section}] h2`, /\S/);
      }
      await shows("[data-section=mirrors]", /100 % by request/);
      expect(await page.evaluate("document.title")).toMatch(/^✗ FAIL · default\/shadow · Umbra$/);

      await page.evaluate("globalThis.isFirstLoad = true");
      const body = '{"percent":12.5}';
      await fetch(`${url}v1/shadow/percent`, { method: "POST", body });
      await shows("[data-section=mirrors]", /12\.5 % by request/);
      expect(page.problems).toEqual([]);

      // Kept, because a stream ends if its answer is garbage collected.
      const held: Response[] = [];
      await until(async () => {
        const answer = await fetch(`${url}v1/events`);
        if (answer.status === 200) held.push(answer);
        else await answer.text();
        return answer.status === 503;
      });
      const late = await browser.newPage();
      await late.open(url);
      const link = () => late.evaluate("document.querySelector('#link')?.textContent");
      const refusal = "! too many open pages for this sidecar, retrying";
      await until(async () => (await link()) === refusal, 25_000);
      for (const { body } of held) await body?.cancel();
      await until(async () => (await link()) === "● live", 25_000);

      await sidecar?.close(0);
      await shows("#link", /^! connection lost, retrying; last update at /);
      await shows("[data-section=verdict]", /FAIL/);
      await start(Number(new URL(url).port));
      await shows("#link", /^● live$/);
      await shows("[data-section=mirrors]", /100 % by request/);
      expect(await page.evaluate("globalThis.isFirstLoad")).toBe(true);
    }, 60_000);
  });

  describe("of an admin server", () => {
    let admin: HttpServer;
    let url: string;
    let shown: ReturnType<typeof look>;
    let pools: readonly PoolAnswer[];
    let mirrors: readonly MirrorState[];
    let [slowAndSame, sameAndSlow] = [look(), look()];
    const hostile = `"><img src=x onerror="alert(1)"><script>alert(1)</script>`;

    beforeAll(() => {
      slowAndSame = look(report("default/slow", 1.3), report("default/same", 1));
      sameAndSlow = look(report("default/slow", 1), report("default/same", 1.3));
    });

    beforeEach(async () => {
      shown = slowAndSame;
      pools = [pool("default/a")];
      mirrors = [mirror("default/slow")];
      admin = await startAdminServer(
        { host: "127.0.0.1", port: 0 },
        {
          // Only the pool and mirror data that the live page reads.
          pools: { values: () => pools.map(poolLike) } as never,
          configuration: {} as never,
          mirrors: {
            get gates() {
              return mirrors.map((each) => ({ state: () => each }));
            },
          } as never,
          recorder: {} as never,
          metrics: {} as never,
          knownModel: () => "",
          notReady: async () => [],
          degraded: () => [],
          evaluations: {
            get latest() {
              return shown;
            },
            reports: async () => shown.reports,
            closedReports: [],
            watch: () => undefined,
          },
          token: undefined,
          log,
        },
      );
      url = `http://${admin.address}/`;
    });

    afterEach(() => admin.close());

    test("changes a verdict in place and keeps the open, scroll and focus state", async () => {
      pools = [
        pool("default/a", {
          endpoints: Array.from({ length: 12 }, (_, i) => endpoint(`10.0.0.${i}:1`)),
        }),
      ];
      await page.setSize(390, 844);
      await page.open(url);
      await shows("[data-section=verdict]", /FAIL/);
      await shows("[data-section=pools]", /10\.0\.0\.11:1/);
      await page.evaluate(`
        document.querySelector("details").open = true;
        document.querySelector("[data-section=gates] .scroll").scrollLeft = 120;
        document.querySelector("[data-section=mirrors] .scroll").focus();`);
      shown = sameAndSlow;
      pools = [
        pool("default/a", {
          endpoints: Array.from({ length: 12 }, (_, i) => endpoint(`10.0.0.${i}:2`)),
        }),
      ];
      mirrors = [mirror("default/slow", { percent: 33 })];
      await shows("[data-section=verdict]", /PASS/);
      await shows("[data-section=pools]", /10\.0\.0\.11:2/);
      await shows("[data-section=mirrors]", /33 % by request/);
      expect(
        await page.evaluate(`[
          document.querySelector("details").open,
          document.querySelector("[data-section=gates] .scroll").scrollLeft,
          document.activeElement === document.querySelector("[data-section=mirrors] .scroll"),
        ]`),
      ).toEqual([true, 120, true]);
      expect(page.problems).toEqual([]);
    }, 60_000);

    test("lets the reader choose the candidate", async () => {
      await page.open(url);
      await shows("[data-section=choice]", /✗ FAIL default\/slow/);
      await page.evaluate(
        `document.querySelector("[data-section=choice] li:last-child a").click()`,
      );
      await shows("[data-section=verdict]", /PASS/);
      expect(await page.evaluate("document.title")).toBe("✓ PASS · default/same · Umbra");
      expect(page.problems).toEqual([]);
    }, 60_000);

    test("shows hostile names as text", async () => {
      shown = look(report(hostile, 1, hostile), report("default/same", 1));
      const unreached = endpoint(hostile, { metrics: { kind: "missing" }, lastFailure: hostile });
      pools = [pool(hostile, { models: [hostile], endpoints: [unreached] })];
      mirrors = [mirror(hostile, { route: hostile, dropped: { [hostile]: 1 } })];
      await page.open(url);
      for (const section of ["verdict", "choice", "mirrors", "pools"]) {
        await until(async () =>
          String(await textOf(`[data-section=${section}]`)).includes(hostile),
        );
      }
      expect(
        await page.evaluate(`document.querySelectorAll("img, main script, [onerror]").length`),
      ).toBe(0);
      expect(page.problems).toEqual([]);
    }, 60_000);

    test("blocks any other script, even inside the page", async () => {
      await page.open(url);
      await shows("#link", /^● live$/);
      await page.evaluate(`
        const made = document.createElement("p");
        made.innerHTML = '<img src="nothing" onerror="globalThis.isBroken = true">';
        document.body.append(made);`);
      await until(async () =>
        page.problems.some((each) => each.includes("Content Security Policy")),
      );
      expect(await page.evaluate("globalThis.isBroken === undefined")).toBe(true);
    }, 60_000);

    test.each([
      { name: "a desk of 1280 px without a sideways scroll bar", width: 1280, isDark: false },
      { name: "a desk in the dark", width: 1280, isDark: true },
      { name: "a phone without a sideways scroll bar of the page", width: 360, isDark: false },
    ])(
      "fits $name",
      async ({ width, isDark }) => {
        await page.setSize(width, 800);
        await page.setDark(isDark);
        await page.open(url);
        await shows("[data-section=pools]", /10\.0\.0\.1/);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        // On a desktop nothing scrolls sideways, not even the tables.
        const scrolling = `[...document.querySelectorAll(".scroll")].filter((each) => innerWidth >= 1280 && each.scrollWidth > each.clientWidth).map((each) => each.ariaLabel)`;
        expect(await page.evaluate(scrolling)).toEqual([]);
        // Dark text on a light background, and the reverse.
        const brightness = `Number(/\\d+/.exec(getComputedStyle(document.body).backgroundColor)[0])`;
        expect(Number(await page.evaluate(brightness)) < 128).toBe(isDark);
        expect(page.problems).toEqual([]);
      },
      60_000,
    );
  });
});

/** In the registry's format. */
function poolLike(each: PoolAnswer): object {
  const { models, adapters, ...snapshot } = each;
  return {
    state: { snapshot: () => snapshot },
    listedModels: models,
    served: { adapters },
    queue: undefined,
  };
}
