import { describe, expect, test } from "@jest/globals";
import { chromium, openBrowser } from "../packages/sidecar/test/chromium.ts";
import { chat, postMany } from "./harness/client.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { startUmbra } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const where =
  chromium === undefined
    ? "skipped: Chromium not found, install it or set CHROMIUM_BIN"
    : "in Chromium";
const describeInChromium = chromium === undefined ? describe.skip : describe;

describeInChromium(`the live page of umbra up, ${where}`, () => {
  test("follows mirrored requests from Envoy to the report, without a reload", async () => {
    const [primary, shadow] = [await startModelServers(2), await startModelServers(2)];
    const [http, grpc, admin, envoyAdmin] = await freePorts(4);
    const up = startUmbra(
      ...["up", "--primary", addresses(primary), "--shadow", addresses(shadow)],
      ...["--bind", "127.0.0.1", "--listener", `http=${http}`, "--grpc", `127.0.0.1:${grpc}`],
      ...["--admin", `127.0.0.1:${admin}`, "--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    );
    const browser = await openBrowser();
    try {
      await until("umbra up is ready", () => up.output().includes("umbra: ready"), 30_000);
      const page = await browser.newPage();
      const shows = (section: string, words: RegExp) =>
        until(`${section} shows ${words}`, async () => {
          const selector = JSON.stringify(`[data-section=${section}]`);
          return words.test(
            String(await page.evaluate(`document.querySelector(${selector})?.innerText ?? ""`)),
          );
        });
      await page.open(`http://127.0.0.1:${admin}/`);
      await shows("verdict", /collecting/);
      await shows("pools", /default\/primary\s+2 endpoints\s+✓ all fresh/);
      await page.evaluate("globalThis.isFirstLoad = true");
      await postMany(`http://127.0.0.1:${http}`, 40, 4, () => chat({ isStream: true }));
      await shows("mirrors", /✓ mirroring\s+100 % by request\s+0\s+40\s/);
      await shows("verdict", /0 of 40 mirrored/);
      await shows("reliability", /paired\s+40\s/);
      expect(await page.evaluate("globalThis.isFirstLoad")).toBe(true);
      expect(page.problems).toEqual([]);
    } finally {
      await browser.close();
      await up.stop();
      await stopModelServers([...primary, ...shadow]);
    }
  }, 90_000);
});
