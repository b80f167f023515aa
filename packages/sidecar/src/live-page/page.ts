import { createHash } from "node:crypto";
import { htmlPage, reportSectionIds, style } from "@umbra/shadow/html";

const ids = ["choice", "verdict", "validity", "gates", "mirrors", "pools"];
const rest = reportSectionIds.filter((id) => !ids.includes(id));
const holders = [...ids, ...rest].map((id) => `<div data-section="${id}"></div>`);

/** Renders the live page, with placeholders for the sections from `v1/events`. */
export const livePage: string = htmlPage({
  head: `<link rel="icon" href="data:,">
<script type="module" src="live.js"></script>
<title data-section="title">Umbra</title>`,
  main: `<header><h1>Shadow evaluation, live</h1><p id="link" role="status">○ connecting</p></header>
<p class="hidden" role="status" data-section="announcement"></p>
<noscript><p class="card">This page needs JavaScript. <a href="v1/report">The JSON report</a> does not.</p></noscript>
${holders.join("\n")}`,
});

const styleHash = createHash("sha256").update(style).digest("base64");

/** The page may only load from and connect to its own sidecar. */
export const livePagePolicy: string = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'sha256-${styleHash}'`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
