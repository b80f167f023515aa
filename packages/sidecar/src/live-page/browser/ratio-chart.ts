/** The ratio of each block of time, and the running estimate with its confidence sequence and the margin. */
export const ratioChart: string = `
const chartSize = () => ({ width: at("chart").clientWidth || 800, height: 260 });
let plot;

function showChart({ timeline, gates }) {
  at("no-blocks").hidden = timeline.length > 0;
  at("chart").hidden = timeline.length === 0;
  const judged = gates.find(({ id }) => id === "ttft.typical") ?? gates.find(({ id }) => id === "e2e.typical");
  const margin = judged?.margin ?? null;
  if (timeline.length === 0 || !isNews("chart", [timeline, margin])) return;
  const column = (name) => timeline.map((point) => point[name]);
  const data = [
    timeline.map(({ t }) => t / 60), column("cs_hi"), column("cs_lo"), column("running"), column("ratio"),
    timeline.map(() => margin),
  ];
  const { running, cs_lo, cs_hi } = timeline.at(-1);
  at("chart").setAttribute("aria-label", "Ratio over time: " + fixed(running) + " after the last block, interval " +
    fixed(cs_lo) + " to " + fixed(cs_hi) + ", margin " + fixed(margin, 2));
  if (plot === undefined) plot = new uPlot(chartOptions(), data, at("chart"));
  else plot.setData(data);
}

/** In other colours, or of another candidate. */
function forgetChart() {
  plot?.destroy();
  plot = undefined;
  drawn.delete("chart");
}

function chartOptions() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue("--" + name).trim();
  const axis = {
    stroke: colour("soft"), font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif",
    grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 },
  };
  const value = (_, found) => fixed(found);
  const edge = { stroke: colour("blue"), width: 1, dash: [3, 3], points: { show: false }, value };
  return {
    ...chartSize(),
    // A chart of one block has no width of its own; a margin far from the blocks is still worth seeing.
    scales: {
      x: { time: false, range: (_, low, high) => [low, high > low ? high : low + 1] },
      y: { range: (_, low, high) => [Math.min(low, 1) - 0.02, Math.max(high, 1) + 0.02] },
    },
    axes: [{ ...axis, label: "minutes", labelSize: 20 }, { ...axis, label: "shadow / primary", labelSize: 20, size: 56 }],
    series: [
      { label: "minute", value: (_, found) => fixed(found, 1) },
      { label: "upper", ...edge },
      { label: "lower", ...edge },
      { label: "estimate", stroke: colour("blue"), width: 2, points: { show: false }, value },
      { label: "block", stroke: colour("soft"), paths: () => null, points: { show: true, size: 5, fill: colour("soft") }, value },
      { label: "margin", stroke: colour("orange"), width: 2, dash: [8, 4], points: { show: false }, value },
    ],
    bands: [{ series: [1, 2], fill: colour("blue") + "26" }],
  };
}

addEventListener("resize", () => plot?.setSize(chartSize()));
`;
