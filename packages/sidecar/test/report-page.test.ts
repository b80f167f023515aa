import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Browser, chromium, openBrowser } from "./chromium.ts";
import { until } from "./until.ts";

const cases = fileURLToPath(new URL("../../shadow/test/cases/render", import.meta.url));
const names = ["empty", "pass", "fail", "inconclusive", "inconclusive-live", "invalid"];
const where =
  chromium === undefined
    ? "skipped: Chromium not found, install it or set CHROMIUM_BIN"
    : "in Chromium";
const isLoaded = 'document.readyState === "complete" && document.querySelector("footer") !== null';
const describeInChromium = chromium === undefined ? describe.skip : describe;

describeInChromium(`the page of a report, ${where}`, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
  }, 30_000);

  afterAll(() => browser.close());

  const pageAt = async (name: string, width: number) => {
    const page = await browser.newPage();
    await page.setSize(width, 900);
    await page.open(pathToFileURL(`${cases}/${name}/report.html`).href);
    await until(async () => (await page.evaluate(isLoaded)) === true);
    return page;
  };

  test.each(names)(
    "%s does not scroll sideways at 1280 px",
    async (name) => {
      const page = await pageAt(name, 1_280);
      const wide = await page.evaluate(
        `[document.documentElement, ...document.querySelectorAll(".scroll")].filter((each) => each.scrollWidth > each.clientWidth).map((each) => (each.ariaLabel ?? "page").slice(0, 40) + " " + each.scrollWidth + " > " + each.clientWidth)`,
      );
      expect([wide, page.problems]).toEqual([[], []]);
    },
    30_000,
  );

  test.each(names)(
    "%s shows the status of every gate first at 390 px",
    async (name) => {
      const page = await pageAt(name, 390);
      const found = await page.evaluate(
        `(() => { const ends = [...document.querySelectorAll(".gates tbody tr")].map((row) => row.children[1].querySelector("strong").getBoundingClientRect().right); return [ends.length > 0, ends.every((right) => right <= 390), document.documentElement.scrollWidth]; })()`,
      );
      expect(found).toEqual([true, true, 390]);
    },
    30_000,
  );
});
