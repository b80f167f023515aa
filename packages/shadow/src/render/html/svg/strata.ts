import type { Stratum } from "../../../report/shadow-report.ts";
import { count, ratio } from "../../format.ts";
import { text } from "../escape.ts";
import { coordinate, ratioAxis } from "./axis.ts";
import { picture, plot } from "./frame.ts";

const rowHeight = 34;
const [left, right, top] = [136, 410, 26];

/** Ratio by kind of request, all of one metric: finds what is slow only for some. */
export function strataPlot(name: string, strata: readonly Stratum[], margin: number): string {
  const values = strata
    .flatMap(({ estimate, lower, upper }) => [estimate, lower ?? estimate, upper ?? estimate])
    .filter((value) => value > 0);
  const from = Math.min(0.92, ...values) / 1.02;
  const to = Math.max(margin * 1.05, ...values) * 1.02;
  const { place, ticks } = ratioAxis({ from, to, start: left, end: right });
  const bottom = top + strata.length * rowHeight;
  const line = (value: number, className: string) =>
    `<path class="${className}" d="M${coordinate(place(value))} ${top}V${bottom}"/>`;
  const word = (value: number, words: string, className: string, anchor: string) =>
    `<text class="${className}" x="${coordinate(place(value))}" y="${top - 9}" text-anchor="${anchor}">${words}</text>`;
  const scale = ticks.map(
    (tick) =>
      `${line(tick, "g")}<text x="${coordinate(place(tick))}" y="${bottom + 18}" text-anchor="middle">${Number(tick.toPrecision(3))}</text>`,
  );
  const rows = ordered(strata).map((stratum, i) =>
    row(stratum, top + (i + 0.5) * rowHeight, place),
  );
  return picture(
    {
      width: plot.width,
      height: bottom + 28,
      label: `Ratio of ${name} by kind of request: ${strata.map((each) => `${kind(each)} ${ratio(each.estimate)}`).join(", ")}`,
      className: "wide",
    },
    `${scale.join("")}${line(1, "e")}${line(margin, "m")}${word(1, "equal", "", "end")}${word(margin, `margin ${margin.toFixed(2)}`, "said-m", "start")}${rows.join("")}`,
  );
}

function row(stratum: Stratum, y: number, place: (value: number) => number): string {
  const { estimate, lower, upper, n } = stratum;
  const isBounded = lower !== null && upper !== null && lower > 0;
  const whisker = isBounded
    ? `<path class="line" d="M${coordinate(place(lower))} ${y}H${coordinate(place(upper))}M${coordinate(place(lower))} ${y - 4}v8M${coordinate(place(upper))} ${y - 4}v8"/>`
    : "";
  return `<text class="strong" x="${left - 14}" y="${y + 4}" text-anchor="end">${text(kind(stratum))}</text>${whisker}<circle class="pf" cx="${coordinate(place(estimate))}" cy="${y}" r="5"/><text class="strong" x="${right + 62}" y="${y + 4}" text-anchor="end">${ratio(estimate)}</text><text x="${plot.width - 6}" y="${y + 4}" text-anchor="end">n ${count(n)}</text>`;
}

function kind({ by, bucket }: Stratum): string {
  return `${bucket}${{ prompt_tokens: " tokens", prompt_bytes: " bytes", stream: "", cached_share: " cached" }[by]}`;
}

/** Sizes from small to large, then the rest as it came. */
function ordered(strata: readonly Stratum[]): readonly Stratum[] {
  const size = ({ by, bucket }: Stratum) => {
    const [, digits, thousand] = /^(\d+)(k?)/.exec(bucket) ?? [];
    if (by === "stream" || digits === undefined) return Number.MAX_SAFE_INTEGER;
    return Number(digits) * (thousand === "k" ? 1_024 : 1);
  };
  return strata.toSorted((a, b) => size(a) - size(b));
}
