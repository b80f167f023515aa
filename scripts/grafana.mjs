// Writes deploy/grafana/umbra.json: the dashboard for what the sidecar's /metrics tells. Part of `npm run generate`.
const source = { type: "prometheus", uid: "${datasource}" };
let [id, y] = [0, 0];

function panel(type, title, [x, w, h], targets, more = {}) {
  return {
    id: ++id,
    type,
    title,
    datasource: source,
    gridPos: { x, y, w, h },
    targets: targets.map(([expr, legendFormat, extra = {}], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: source,
      expr,
      legendFormat,
      ...extra,
    })),
    fieldConfig: { defaults: { unit: more.unit ?? "short", ...more.defaults }, overrides: [] },
    options: more.options ?? {},
  };
}

function row(title, height, panels) {
  const heading = {
    id: ++id,
    type: "row",
    title,
    collapsed: false,
    gridPos: { x: 0, y, w: 24, h: 1 },
    panels: [],
  };
  y += 1;
  const made = panels();
  y += height;
  return [heading, ...made];
}

const c = 'candidate=~"$candidate"';
const quantile = (level, metric) =>
  `histogram_quantile(${level}, sum by (le, leg) (rate(${metric}_bucket{${c}}[$__rate_interval])))`;
const words = (values) => [
  {
    type: "value",
    options: Object.fromEntries(
      values.map(([value, text, color], index) => [value, { text, color, index }]),
    ),
  },
];
const verdicts = words([
  ["0", "none", "text"],
  ["1", "PASS", "green"],
  ["2", "FAIL", "red"],
  ["3", "INCONCLUSIVE", "yellow"],
  ["4", "INVALID", "purple"],
]);
const gates = words([
  ["0", "not judged", "text"],
  ["1", "PASS", "green"],
  ["2", "FAIL", "red"],
  ["3", "open", "yellow"],
]);

export function dashboard() {
  [id, y] = [0, 0];
  const panels = [
    ...row("Verdict", 8, () => [
      panel("stat", "Verdict", [0, 6, 8], [[`umbra_shadow_verdict{${c}}`, "{{candidate}}"]], {
        defaults: { mappings: verdicts },
        options: { colorMode: "background" },
      }),
      panel("stat", "Gates", [6, 18, 8], [[`umbra_shadow_gate_status{${c}}`, "{{gate}}"]], {
        defaults: { mappings: gates },
        options: { colorMode: "background" },
      }),
    ]),
    ...row("Gates against their margins", 8, () => [
      panel(
        "timeseries",
        "$gate",
        [0, 12, 8],
        [
          [`umbra_shadow_gate_estimate{${c},gate="$gate"}`, "estimate"],
          [`umbra_shadow_gate_lower{${c},gate="$gate"}`, "lower"],
          [`umbra_shadow_gate_upper{${c},gate="$gate"}`, "upper"],
          [`umbra_shadow_gate_margin{${c},gate="$gate"}`, "margin"],
        ],
      ),
      panel(
        "timeseries",
        "Evidence of rate gates, ln(e)",
        [12, 12, 8],
        [[`umbra_shadow_evalue_log{${c}}`, "{{gate}}"]],
      ),
    ]),
    ...row("Latency of both lanes", 8, () => [
      panel(
        "timeseries",
        "TTFT",
        [0, 8, 8],
        [
          [quantile(0.5, "umbra_shadow_ttft_seconds"), "{{leg}} p50"],
          [quantile(0.99, "umbra_shadow_ttft_seconds"), "{{leg}} p99"],
        ],
        { unit: "s" },
      ),
      panel(
        "timeseries",
        "TPOT",
        [8, 8, 8],
        [
          [quantile(0.5, "umbra_shadow_tpot_seconds"), "{{leg}} p50"],
          [quantile(0.99, "umbra_shadow_tpot_seconds"), "{{leg}} p99"],
        ],
        { unit: "s" },
      ),
      panel(
        "timeseries",
        "E2E",
        [16, 8, 8],
        [
          [quantile(0.5, "umbra_shadow_e2e_seconds"), "{{leg}} p50"],
          [quantile(0.99, "umbra_shadow_e2e_seconds"), "{{leg}} p99"],
        ],
        { unit: "s" },
      ),
    ]),
    ...row("Errors and drops", 8, () => [
      panel(
        "timeseries",
        "Requests by class",
        [0, 8, 8],
        [
          [
            `sum by (leg, class) (rate(umbra_shadow_requests_total{${c}}[$__rate_interval]))`,
            "{{leg}} {{class}}",
          ],
        ],
        { unit: "reqps" },
      ),
      panel(
        "timeseries",
        "Pairs",
        [8, 8, 8],
        [
          [
            `sum by (outcome) (rate(umbra_shadow_pairs_total{${c}}[$__rate_interval]))`,
            "{{outcome}}",
          ],
        ],
        { unit: "reqps" },
      ),
      panel(
        "timeseries",
        "Dropped",
        [16, 8, 8],
        [
          [
            `sum by (reason) (rate(umbra_shadow_mirror_dropped_total{${c}}[$__rate_interval]))`,
            "{{reason}}",
          ],
        ],
        { unit: "reqps" },
      ),
    ]),
    ...row("Load and budget", 8, () => [
      panel(
        "timeseries",
        "In flight",
        [0, 6, 8],
        [[`umbra_shadow_in_flight{${c}}`, "{{candidate}}"]],
      ),
      panel(
        "timeseries",
        "Load per endpoint, shadow over primary",
        [6, 6, 8],
        [[`umbra_shadow_load_ratio{${c}}`, "{{candidate}}"]],
      ),
      panel(
        "timeseries",
        "Budget used",
        [12, 6, 8],
        [[`umbra_shadow_budget_used_ratio{${c}}`, "{{kind}}"]],
        { unit: "percentunit" },
      ),
      panel(
        "timeseries",
        "Primary protection, lower bound",
        [18, 6, 8],
        [[`umbra_shadow_primary_protection_lower{${c}}`, "{{candidate}}"]],
      ),
    ]),
    ...row("Picks and endpoints", 8, () => [
      panel(
        "timeseries",
        "Picks",
        [0, 8, 8],
        [
          [
            "sum by (lane, pool, outcome) (rate(umbra_picks_total[$__rate_interval]))",
            "{{lane}} {{pool}} {{outcome}}",
          ],
        ],
        { unit: "reqps" },
      ),
      panel(
        "timeseries",
        "Pick, p99",
        [8, 8, 8],
        [
          [
            "histogram_quantile(0.99, sum by (le, lane) (rate(umbra_pick_duration_seconds_bucket[$__rate_interval])))",
            "{{lane}}",
          ],
        ],
        { unit: "s" },
      ),
      panel(
        "timeseries",
        "In flight by endpoint",
        [16, 8, 8],
        [["umbra_endpoint_in_flight", "{{pool}} {{endpoint}}"]],
      ),
    ]),
  ];
  const query = (name, text) => ({
    name,
    type: "query",
    label: name,
    datasource: source,
    query: text,
    refresh: 2,
    includeAll: name === "candidate",
    multi: false,
    current: {},
  });
  return {
    uid: "umbra",
    title: "Umbra: shadow evaluation",
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    tags: ["umbra", "llm", "shadow"],
    templating: {
      list: [
        {
          name: "datasource",
          type: "datasource",
          label: "data source",
          query: "prometheus",
          current: {},
        },
        query("candidate", "label_values(umbra_shadow_eligible_total, candidate)"),
        query("gate", "label_values(umbra_shadow_gate_margin, gate)"),
      ],
    },
    panels,
  };
}
