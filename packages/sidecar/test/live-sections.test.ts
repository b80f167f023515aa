import { createHash } from "node:crypto";
import { Script } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import { reportSectionIds, reportSections } from "@umbra/shadow/html";
import { pagesOf } from "../src/evaluation/report-pages.ts";
import { browserScript } from "../src/live-page/browser-script.ts";
import { type LiveState, liveSections } from "../src/live-page/live-sections.ts";
import { mirrorsSection } from "../src/live-page/mirrors-section.ts";
import { livePage, livePagePolicy } from "../src/live-page/page.ts";
import { poolsSection } from "../src/live-page/pools-section.ts";
import { endpoint, look, mirror, pool, report } from "./live-fixtures.ts";

const hostile = `"><img src=x onerror="alert(1)"><script>alert('1')</script>\u202e\r\ndata: x`;
const [slow, same] = [report("default/slow", 1.3), report("default/same", 1)];

function state(more: Partial<LiveState> = {}): LiveState {
  return { analysis: look(slow), pools: [pool("a")], mirrors: [mirror("b")], ...more };
}

function sectionsOf(more: Partial<LiveState> = {}, chosen?: string): Record<string, string> {
  return Object.fromEntries(liveSections(state(more))(chosen).map(({ id, html }) => [id, html]));
}

/** Returns the texts of the cells, as a list per row. */
function cells(html: string): readonly (readonly string[])[] {
  const [, body = ""] = /<tbody>(.*?)<\/tbody>/s.exec(html) ?? [];
  return [...body.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row = ""]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = ""]) =>
      cell.replaceAll(/<small>/g, ", ").replaceAll(/<[^>]*>/g, ""),
    ),
  );
}

describe("the sections", () => {
  const none = look();
  const states: readonly (Partial<LiveState> & { readonly name: string })[] = [
    { name: "a report", analysis: look(slow) },
    { name: "two reports", analysis: look(slow, same) },
    { name: "a report that is not rendered yet", analysis: { ...look(slow), pages: new Map() } },
    { name: "no report, and mirrors", analysis: none },
    { name: "nothing", analysis: none, pools: [], mirrors: [] },
  ];

  test.each(states)("of $name are the same, in the same order", ({ name: _, ...more }) => {
    expect(Object.keys(sectionsOf(more))).toEqual([
      ...["title", "announcement", "choice"],
      ...reportSectionIds,
      ...["mirrors", "pools"],
    ]);
  });

  test("of a report are those of the report's page", () => {
    expect(sectionsOf()).toMatchObject(
      Object.fromEntries(reportSections(slow).map(({ id, html }) => [id, html])),
    );
  });

  test("show the verdict in the title and to screen readers", () => {
    expect(sectionsOf()).toMatchObject({
      title: "✗ FAIL · default/slow · Umbra",
      announcement: "✗ FAIL · default/slow",
    });
    expect(sectionsOf({ analysis: none })).toMatchObject({ title: "Umbra", announcement: "" });
  });

  test.each([
    { name: "mirrors", mirrors: [mirror("b")], words: "Waiting for the evaluation." },
    {
      name: "no mirror",
      mirrors: [],
      words: "Nothing is mirrored, so there is nothing to evaluate.",
    },
  ])("explain a missing report with $name", ({ mirrors, words }) => {
    const { verdict, gates } = sectionsOf({ analysis: none, mirrors });
    expect([verdict, gates]).toEqual([`<p class="card soft">${words}</p>`, ""]);
  });
});

test("a report that can't be rendered does not affect other pages", () => {
  const trouble: string[] = [];
  const broken = { ...slow, gates: undefined } as never;
  const pages = pagesOf([broken, same], (text) => trouble.push(text));
  expect([...pages.keys()]).toEqual([same.evaluation.id]);
  expect(trouble).toEqual([expect.stringMatching(/^can't show a report on the live page: /)]);
});

describe("several candidates", () => {
  const both = { analysis: look(slow, same) };
  const verdictOf = (chosen?: string) =>
    /(?:PASS|FAIL)/.exec(sectionsOf(both, chosen).verdict ?? "");

  test.each([
    { name: "its id", chosen: same.evaluation.id, word: "PASS" },
    { name: "none", chosen: undefined, word: "FAIL" },
    { name: "an unknown id", chosen: "00000000", word: "FAIL" },
  ])("one is chosen by $name", ({ chosen, word }) => {
    expect(verdictOf(chosen)?.[0]).toBe(word);
  });

  test("are links with their verdicts; the shown one is marked", () => {
    const { choice = "" } = sectionsOf(both, same.evaluation.id);
    expect(
      [...choice.matchAll(/<a href="([^"]*)"( aria-current="page")?>(.*?)<\/a>/g)].map(
        ([, href, current, text = ""]) => [
          href,
          current !== undefined,
          text.replaceAll(/<[^>]*>/g, ""),
        ],
      ),
    ).toEqual([
      [`?evaluation=${slow.evaluation.id}`, false, "✗ FAIL default/slow"],
      [`?evaluation=${same.evaluation.id}`, true, "✓ PASS default/same"],
    ]);
  });

  test("with the same name are distinguished by their routes", () => {
    const other = report("default/slow", 1, "default/other");
    const { choice } = sectionsOf({ analysis: look(slow, other) });
    expect(choice).toContain("default/slow of default/chat</a>");
    expect(choice).toContain("default/slow of default/other</a>");
  });

  test("are not a choice if there is only one", () => {
    expect(sectionsOf().choice).toBe("");
  });
});

describe("mirrors", () => {
  test("show how much is mirrored and what was dropped", () => {
    expect(cells(mirrorsSection([mirror("b"), mirror("c", { dropped: {} })]))).toEqual([
      [
        "b",
        "✓ mirroring",
        "12.5 % by request",
        "7",
        "1,293",
        "concurrency 1,204, size 3",
        "candidate",
        "default/chat",
      ],
      ["c", "✓ mirroring", "12.5 % by request", "7", "1,293", "none", "candidate", "default/chat"],
    ]);
  });

  test.each([
    { more: { paused: true, pausedBy: "stopped" }, words: "■ stopped" },
    { more: { paused: true, pausedBy: "protection" }, words: "! paused (protection)" },
    { more: { breaker: "half-open" }, words: "! breaker half-open" },
    { more: { percent: 0 }, words: "○ share is 0" },
  ] as const)("$words", ({ more, words }) => {
    expect(cells(mirrorsSection([mirror("b", more)]))[0]?.[1]).toBe(words);
  });

  test("are reported as empty without mirrors", () => {
    expect(mirrorsSection([])).toContain("Nothing is mirrored.");
  });
});

describe("pools", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => endpoint(`10.0.0.${i}:8000`));
  const { metrics, ...bare } = endpoint("10.0.0.1:8000");

  test("have the sums of their endpoints, without numbers for unknown values", () => {
    expect(cells(poolsSection([pool("a"), pool("b", { endpoints: [] })]))).toEqual([
      ["a, 2 endpoints, llama", "! 1 of 2 fresh", "10", "2", "11", "42 %"],
      ["b, 0 endpoints, llama", "! no endpoints", "–", "–", "–", "–"],
    ]);
  });

  test.each([
    { name: "fresh", of: { ...bare, metrics }, words: "✓ fresh" },
    {
      name: "stale",
      of: { ...bare, metrics: { ...metrics, kind: "stale" as const }, metricsAgeMs: 12_345 },
      words: "! stale, 12 s old",
    },
    { name: "ejected", of: { ...bare, metrics, isEjected: true }, words: "✗ ejected" },
    { name: "missing", of: pool("a").endpoints[1], words: "○ missing, timeout" },
  ])("an endpoint shows that its metrics are $name", ({ of, words }) => {
    const html = poolsSection([pool("a", { endpoints: of === undefined ? [] : ([of] as never) })]);
    expect(cells(html.slice(html.indexOf("<details")))[0]?.[1]).toBe(words);
  });

  test.each([
    { count: 8, isOpen: true, more: undefined },
    { count: 9, isOpen: false, more: undefined },
    { count: 70, isOpen: false, more: "and 6 more" },
  ])("$count endpoints: open $isOpen, $more", ({ count, isOpen, more }) => {
    const html = poolsSection([pool("a", { endpoints: many(count) })]);
    expect(html.includes("<details open>")).toBe(isOpen);
    expect(/and \d+ more/.exec(html)?.[0]).toBe(more);
    expect(cells(html.slice(html.indexOf("<details")))).toHaveLength(Math.min(count, 64));
  });
});

test("hostile names are text in every section", () => {
  const hostilePool = pool(hostile, {
    models: [hostile],
    endpoints: [endpoint(hostile, { metrics: { kind: "missing" }, lastFailure: hostile })],
  });
  const hostileMirror = mirror(hostile, { route: hostile, dropped: { [hostile]: 1 } });
  const state = {
    analysis: look(report(hostile, 1, hostile), report(hostile, 1.3, "other")),
    pools: [hostilePool],
    mirrors: [hostileMirror],
  };
  const found = liveSections(state)(undefined).filter(({ html }) =>
    /<img|<script|[\r\u202e]|^data:/m.test(html),
  );
  expect(found).toEqual([]);
});

describe("the page", () => {
  test("has exactly one placeholder for every section", () => {
    const places = [...livePage.matchAll(/data-section="([^"]+)"/g)].map(([, id]) => id);
    expect(places.toSorted()).toEqual(Object.keys(sectionsOf()).toSorted());
  });

  test("loads its script and nothing else", () => {
    const loaded = [...livePage.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, target]) => target);
    expect(loaded).toEqual(["data:,", "live.js", "v1/report"]);
    expect(livePage).not.toMatch(/@import|url\(|<script>| on\w+=| style=/i);
  });

  test("has a policy that only allows its own style and script", () => {
    const [, style = ""] = /<style>([\s\S]*)<\/style>/.exec(livePage) ?? [];
    const hash = createHash("sha256").update(style).digest("base64");
    expect(livePagePolicy.split("; ")).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'sha256-${hash}'`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  test("has a script that a browser can read", () => {
    expect(() => new Script(`"use strict";${browserScript()}`)).not.toThrow();
    expect(browserScript()).toContain("new EventSource(");
  });
});
