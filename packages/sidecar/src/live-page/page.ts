import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { script } from "./script.ts";
import { style } from "./style.ts";

/**
 * The live page: one document with all that it needs, so that it works where there is no internet. It listens to
 * `v1/events`. Reads the chart's files; to be called once, at the start.
 */
export function livePage(): string {
  const dist = join(createRequire(import.meta.url).resolve("uplot/package.json"), "..", "dist");
  const chart = readFileSync(join(dist, "uPlot.iife.min.js"), "utf8");
  const chartStyle = readFileSync(join(dist, "uPlot.min.css"), "utf8");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<title>Umbra</title>
<style>${chartStyle}${style}</style>
</head>
<body>
<main>
<header>
<h1>Umbra</h1><span class="soft">shadow evaluation, live</span>
<label id="choice" hidden>candidate <select id="candidate"></select></label>
<span id="link" role="status">○ connecting</span>
</header>
<noscript><section>This page needs its script. <a href="v1/report">The report as JSON</a> needs none.</section></noscript>
<section id="waiting"><b>○ No evaluation yet</b><p class="soft">It begins with the first mirrored request.</p></section>
<div id="evaluation" hidden>
<section id="verdict" aria-live="polite">
<b id="word"></b>
<ul id="reasons"></ul>
<p id="next"></p>
<progress id="progress" max="1" value="0" aria-label="Of the planned time"></progress>
<p id="facts" class="soft"></p>
</section>
${table("gates", "Gates", gatesHint, ["gate", "primary", "shadow", "change", "against the margin", "interval", "margin", "n", "status"])}
<section>
<h2>Ratio over time</h2>
<p class="hint">Shadow over primary; <span class="key dots"></span>blocks of time, <span class="key band"></span>estimate so far with its interval, <span class="key limit"></span>margin.</p>
<div id="chart" role="img" aria-label="Ratio over time"></div>
<p id="no-blocks" class="soft">No block of time is complete yet.</p>
</section>
${table("checks", "Is the experiment sound?", "", ["check", "value", "should be", "result"])}
</div>
${table("mirrors", "Mirrors", "", ["candidate", "route", "role", "share", "in flight", "mirrored", "dropped", "state"])}
${table("pools", "Pools", "", ["pool", "in flight", "waiting", "running", "KV cache", "metrics"])}
</main>
<script>${chart}</script>
<script type="module">${script}</script>
</body>
</html>
`;
}

/** Nothing from elsewhere, and nobody else to talk to. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

const gatesHint = `<p class="hint"><span class="key band"></span>interval, <span class="key equal"></span>equal lanes, <span class="key limit"></span>margin. A gate passes when its whole interval is on the near side of the margin.</p>`;

function table(id: string, caption: string, hint: string, columns: readonly string[]): string {
  const heads = columns.map((column) => `<th scope="col">${column}</th>`).join("");
  return `<section>
<h2 id="${id}-name">${caption}</h2>${hint}
<div class="scroll"><table aria-labelledby="${id}-name"><thead><tr>${heads}</tr></thead><tbody id="${id}"></tbody></table></div>
</section>`;
}
