/** Listens to the events and shows each; says so when there are none. */
export const feed: string = `
/** Events come every two seconds. */
const silentAfterMs = 10000;
const retryAfterMs = 3000;
let newest;
let chosen;
let heardAt = performance.now();

const keyOf = ({ evaluation, candidate }) => evaluation.route + " " + candidate.pool;

function show({ reports, pools, mirrors }) {
  showChoice(reports);
  const report = reports.find((each) => keyOf(each) === chosen);
  at("evaluation").hidden = report === undefined;
  at("waiting").hidden = report !== undefined;
  document.title = report === undefined ? "Umbra" : report.verdict.status + " · " + report.candidate.pool + " · Umbra";
  for (const part of report === undefined ? [] : [showVerdict, showFacts, showGates, showChart, showChecks]) part(report);
  showMirrors(mirrors);
  showPools(pools);
}

function showChoice(reports) {
  at("choice").hidden = reports.length < 2;
  if (!isNews("choice", reports.map(keyOf))) return;
  if (!reports.some((each) => keyOf(each) === chosen)) chosen = reports.length > 0 ? keyOf(reports[0]) : undefined;
  at("candidate").replaceChildren(...reports.map((report) => {
    const isAlone = reports.filter(({ candidate }) => candidate.pool === report.candidate.pool).length === 1;
    const option = make("option", report.candidate.pool + (isAlone ? "" : " of " + report.evaluation.route));
    option.value = keyOf(report);
    option.selected = option.value === chosen;
    return option;
  }));
}

function say(text, isLive) {
  if (at("link").textContent !== text) at("link").textContent = text;
  at("link").className = isLive ? "PASS" : "FAIL";
  document.body.classList.toggle("lost", !isLive);
}

function sayLost() {
  const since = newest === undefined ? "" : "; last heard at " + newest.at;
  say("! connection lost, retrying" + since, false);
}

function connect() {
  const events = new EventSource("v1/events");
  events.onmessage = ({ data }) => {
    heardAt = performance.now();
    newest = { event: JSON.parse(data), at: new Date().toLocaleTimeString() };
    show(newest.event);
    say("● live", true);
  };
  events.onerror = () => {
    sayLost();
    // A refusal ends an EventSource for good; a broken connection it fixes itself.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, retryAfterMs);
  };
}

function redraw() {
  forgetChart();
  if (newest !== undefined) show(newest.event);
}

at("candidate").addEventListener("change", ({ target }) => {
  chosen = target.value;
  redraw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
setInterval(() => {
  if (performance.now() - heardAt > silentAfterMs) sayLost();
}, 1000);
connect();
`;
