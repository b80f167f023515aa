import type { BothLanes, OverTimePoint } from "../../../report/over-time.ts";
import type { ShadowReport } from "../../../report/shadow-report.ts";
import { number, percent } from "../../format.ts";
import { eventWords } from "../../segment-rows.ts";
import { text } from "../escape.ts";
import { figure, lanesKey } from "../figure.ts";
import { tickMs } from "../svg/axis.ts";
import { lanesOverTime } from "../svg/lanes-over-time.ts";
import { ratioOverTime } from "../svg/ratio-over-time.ts";

/** When the shadow was worse: the ratio, both lanes' times, errors and load, and events of endpoints. */
export function overTimeSection(report: ShadowReport): string {
  const { plots, gates, timeline, over_time } = report;
  const { events } = over_time;
  const isStreamed = plots.scatter.metric === "ttft_ms";
  const name = isStreamed ? "TTFT" : "E2E";
  const gate = gates.find(({ id }) => id === (isStreamed ? "ttft.typical" : "e2e.typical"));
  const lanes = (
    title: string,
    pick: (point: OverTimePoint) => BothLanes,
    tick: (value: number) => string,
    below: string,
  ) => {
    const points = over_time.points.map((point) => ({ t: point.t, value: pick(point) }));
    const drawn = lanesOverTime({ name: title, points, events, tick });
    return figure({ title: `${title} over time`, content: drawn, below, key: lanesKey });
  };
  const step = `Each step is ${number(over_time.step_s)} s.`;
  const marks = events.map((event) => `<li>${text(eventWords(event))}</li>`);
  return `<section aria-labelledby="time"><h2 id="time">When was it worse?</h2>
<div class="grid">${[
    figure({
      title: `Change of ${name} over time`,
      content: ratioOverTime({ timeline, margin: gate?.margin ?? 1.1, events }),
      below:
        "Dots: blocks of time. Line and band: the estimate up to then with its anytime-valid interval.",
    }),
    ...(isStreamed ? [lanes("TTFT, median", ({ ttft_ms }) => ttft_ms, tickMs, step)] : []),
    ...(isStreamed ? [lanes("TPOT, median", ({ tpot_ms }) => tpot_ms, tickMs, step)] : []),
    ...(over_time.points.some(({ whole_ms }) => whole_ms.primary !== null)
      ? [lanes("E2E of whole answers, median", ({ whole_ms }) => whole_ms, tickMs, step)]
      : []),
    lanes(
      "Errors",
      ({ errors }) => errors,
      (share) => percent(share, 1),
      step,
    ),
    lanes("Mirrored requests in flight", ({ in_flight }) => in_flight, number, `Means. ${step}`),
  ].join("")}</div>
<div class="card"><h3>Endpoints</h3>${marks.length === 0 ? '<p class="soft">No endpoint joined, left or was silent while pairs were compared.</p>' : `<ul class="marks">${marks.join("")}</ul><p class="soft">Dotted lines in the pictures: restarts and scaling, as the requests show them.</p>`}</div></section>`;
}
