import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { script } from "./script.ts";
import { style } from "./style.ts";

/**
 * The live page: one document with all that it needs, so that it works where there is no internet. It listens to
 * `v1/events`.
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
<title>Umbra</title>
<style>${chartStyle}${style}</style>
</head>
<body>
<main>
<header><h1>Umbra</h1><span class="soft">shadow evaluation, live</span><select id="candidate" aria-label="Candidate" hidden></select>
<span id="link" class="soft status" role="status">○ connecting</span></header>
<section id="waiting">No evaluation yet: it begins with the first mirrored request.</section>
<div id="evaluation" hidden>
<section id="verdict" aria-live="polite"><b id="word"></b><div id="who" class="soft"></div><ul id="reasons"></ul><p id="next"></p></section>
<section><table><caption>Gates</caption><thead><tr><th>gate<th>change<th>interval<th>margin<th>pairs<th>status</thead><tbody id="gates"></tbody></table></section>
<section><h2>Ratio over time</h2><div id="chart"></div><p id="none" class="soft">No block of time is complete yet.</p></section>
<section><table><caption>Is the experiment sound?</caption><thead><tr><th>check<th>value<th>result</thead><tbody id="checks"></tbody></table></section>
</div>
<section><table><caption>Mirrors</caption><thead><tr><th>candidate<th>route<th>role<th>share<th>in flight<th>mirrored<th>dropped<th>state</thead><tbody id="mirrors"></tbody></table></section>
<section><table><caption>Pools</caption><thead><tr><th>pool<th>endpoint<th>in flight<th>waiting<th>running<th>KV cache<th>metrics</thead><tbody id="pools"></tbody></table></section>
<noscript><section>This page is alive by a script. <a href="v1/report">The report as JSON</a> needs none.</section></noscript>
</main>
<script>${chart}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** Nothing from elsewhere, and nobody else to talk to. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";
