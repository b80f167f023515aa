/**
 * The page's own program, as the browser runs it. Text from outside is set with `textContent` alone: a pool's name can't
 * become markup.
 */
export const script: string = String.raw`
const at = (id) => document.getElementById(id);
const make = (name, text, className) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const signs = { PASS: "✓ PASS", FAIL: "✗ FAIL", INCONCLUSIVE: "… open", INVALID: "! INVALID", NOT_JUDGED: "· not judged" };
const known = (value, digits = 3) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const change = (gate, value) =>
  value === null ? "–" : gate.kind === "rate" ? (value >= 0 ? "+" : "") + (value * 100).toFixed(2) + " pp" : value.toFixed(3);
const clock = (s) => [s / 3600, (s / 60) % 60, s % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
let chosen = "";
let plot;

function rows(body, list) {
  body.replaceChildren(...list.map((cells) => {
    const row = make("tr");
    row.append(...cells.map((cell) => (cell instanceof Node ? cell : make("td", cell))));
    return row;
  }));
}

function band(gate) {
  const cell = make("td");
  if (gate.lower === null || gate.upper === null) return make("td", "–");
  const equal = gate.kind === "rate" ? 0 : 1;
  const low = Math.min(gate.lower, equal), high = Math.max(gate.upper, gate.margin);
  const place = (value) => (high > low ? ((value - low) / (high - low)) * 100 : 0);
  const bar = make("span", undefined, "band");
  const inner = make("i"), margin = make("u");
  inner.style.left = place(gate.lower) + "%";
  inner.style.width = place(gate.upper) - place(gate.lower) + "%";
  margin.style.left = "calc(" + place(gate.margin) + "% - 1px)";
  bar.append(inner, margin);
  bar.title = "interval " + change(gate, gate.lower) + " to " + change(gate, gate.upper) + ", margin " + change(gate, gate.margin);
  cell.append(bar, document.createTextNode(" " + change(gate, gate.lower) + " to " + change(gate, gate.upper)));
  return cell;
}

function status(gate) {
  const eta = gate.eta_s ? ", about " + Math.ceil(gate.eta_s / 60) + " min more" : "";
  const note = gate.note && gate.status !== "PASS" ? " (" + gate.note + ")" : "";
  return make("td", signs[gate.status] + (gate.status === "INCONCLUSIVE" ? eta : "") + note, gate.status);
}

function showReport(report) {
  const { verdict, evaluation, funnel } = report;
  const so = verdict.status === "INCONCLUSIVE" && !evaluation.is_final ? " so far" : "";
  at("word").textContent = (verdict.status === "INCONCLUSIVE" ? "… INCONCLUSIVE" : signs[verdict.status]) + so;
  at("word").className = verdict.status;
  at("verdict").style.borderLeftColor = getComputedStyle(at("word")).color;
  at("who").textContent = (report.baseline.pool || "primary") + " → " + report.candidate.pool + "   " +
    clock(evaluation.elapsed_s) + " of " + clock(evaluation.horizon_s) + "   eligible " + funnel.eligible + ", sampled " +
    funnel.sampled + ", paired " + funnel.paired + ", used " + funnel.used;
  at("reasons").replaceChildren(...verdict.reasons.slice(0, 8).map(({ text }) => make("li", text)));
  at("next").textContent = "Next: " + verdict.next.action;
  rows(at("gates"), report.gates.map((gate) => [
    gate.id + (gate.required ? "" : " (advisory)"), change(gate, gate.estimate), band(gate), change(gate, gate.margin), String(gate.n), status(gate),
  ]));
  rows(at("checks"), report.validity.map((check) => [
    check.text, known(check.value), check.ok === null ? "– not known" : check.ok ? "✓ ok" : "! " + check.effect,
  ]));
  drawRatio(report);
}

function drawRatio({ timeline, gates }) {
  const gate = gates.find(({ id }) => id === "ttft.typical") ?? gates.find(({ id }) => id === "e2e.typical");
  const margin = gate ? gate.margin : 1.1;
  const data = [
    timeline.map(({ t }) => t / 60), timeline.map(({ ratio }) => ratio), timeline.map(({ running }) => running),
    timeline.map(({ cs_lo }) => cs_lo), timeline.map(({ cs_hi }) => cs_hi), timeline.map(() => margin),
  ];
  at("none").hidden = timeline.length > 0;
  if (timeline.length === 0) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue("--" + name).trim();
  const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
  if (!plot) plot = new uPlot({
    width: at("chart").clientWidth || 800, height: 240, scales: { x: { time: false } },
    axes: [{ ...axis, label: "minutes" }, { ...axis, label: "shadow / primary" }],
    series: [
      { label: "minute", value: (_, v) => known(v, 1) },
      { label: "block", stroke: colour("shadow"), width: 0, points: { show: true, size: 5, fill: colour("shadow") }, paths: () => null, value: (_, v) => known(v) },
      { label: "estimate", stroke: colour("primary"), width: 2, value: (_, v) => known(v) },
      { label: "lower", stroke: colour("primary"), width: 1, dash: [4, 4], value: (_, v) => known(v) },
      { label: "upper", stroke: colour("primary"), width: 1, dash: [4, 4], value: (_, v) => known(v) },
      { label: "margin", stroke: colour("fail"), width: 1.5, value: (_, v) => known(v, 2) },
    ],
    bands: [{ series: [4, 3], fill: colour("primary") + "22" }],
  }, data, at("chart"));
  else plot.setData(data);
}

function showMirrors(mirrors) {
  rows(at("mirrors"), mirrors.map((mirror) => [
    mirror.candidate, mirror.route, mirror.role, mirror.percent + " % by " + mirror.by, String(mirror.inFlight), String(mirror.mirrored),
    Object.entries(mirror.dropped).map(([reason, count]) => reason + " " + count).join(", ") || "none",
    mirror.paused ? "! paused (" + mirror.pausedBy + ")" : mirror.breaker === "closed" ? "✓ mirroring" : "! breaker " + mirror.breaker,
  ]));
}

function showPools(pools) {
  rows(at("pools"), pools.flatMap(({ name, endpoints }) => endpoints.map((endpoint, index) => [
    index === 0 ? name : "", endpoint.address, String(endpoint.inFlight),
    String(endpoint.metrics.metrics?.waitingRequests ?? "–"), String(endpoint.metrics.metrics?.runningRequests ?? "–"),
    endpoint.metrics.metrics ? Math.round(endpoint.metrics.metrics.kvCacheUsage * 100) + " %" : "–",
    { fresh: "✓ fresh", stale: "! stale", missing: "! missing" }[endpoint.metrics.kind],
  ])));
}

function show({ reports, pools, mirrors }) {
  const select = at("candidate");
  const names = reports.map(({ candidate }) => candidate.pool);
  if (select.dataset.names !== names.join("\n")) {
    select.dataset.names = names.join("\n");
    select.replaceChildren(...names.map((name) => make("option", name)));
    select.value = chosen = names.includes(chosen) ? chosen : (names[0] ?? "");
  }
  select.hidden = names.length < 2;
  const report = reports.find(({ candidate }) => candidate.pool === chosen);
  at("evaluation").hidden = !report;
  at("waiting").hidden = Boolean(report);
  if (report) showReport(report);
  showMirrors(mirrors);
  showPools(pools);
}

let last;
at("candidate").addEventListener("change", (event) => { chosen = event.target.value; if (last) show(last); });
addEventListener("resize", () => plot?.setSize({ width: at("chart").clientWidth, height: 240 }));
const events = new EventSource("v1/events");
events.onmessage = ({ data }) => {
  last = JSON.parse(data);
  at("link").textContent = "● live";
  show(last);
};
events.onerror = () => { at("link").textContent = "○ connection lost, trying again"; };
`;
