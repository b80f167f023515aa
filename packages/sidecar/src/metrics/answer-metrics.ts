import type { Leg } from "@umbra/shadow";
import { ofMeasuredAnswers, requestLabels } from "./compatible.ts";
import type { CompatibleName } from "./compatible-name.ts";
import type { Exposition } from "./exposition.ts";
import type { PickLabels } from "./pick-labels.ts";
import { latencyBounds } from "./request-metrics.ts";

/** Bounds of the reference endpoint picker. */
const ttftBounds = latencyBounds.filter((bound) => bound <= 120);
const tpotBounds = [
  ...[0.0005, 0.00205, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4],
  ...[0.5, 0.6, 0.8, 1, 2],
];
/** 1 and 8 to 1,048,576. The odd value 32,778 comes from the reference, and dashboards use it. */
const tokenBounds = [1, ...Array.from({ length: 18 }, (_, i) => (i === 12 ? 32_778 : 8 * 2 ** i))];
const outputTokenBounds = tokenBounds.filter((bound) => bound <= 8_192);

/** Adds metrics of measured answers: of requests with a twin, or sampled for measuring without one. */
export function addAnswerMetrics(metrics: Exposition, pools: PickLabels): (leg: Leg) => void {
  const labels = ["lane", "pool"];
  const answers = metrics.counter({
    name: "umbra_answers_total",
    help: "Measured answers by outcome.",
    labels: [...labels, "class"],
  });
  const histogram = (
    name: string,
    help: string,
    bounds: readonly number[],
    compatible?: CompatibleName,
  ) => metrics.histogram({ name, help, labels, bounds, ...(compatible && { compatible }) });
  const ofRequest = (name: string): CompatibleName => ({
    name: `request_${name}`,
    labels: requestLabels,
    note: ofMeasuredAnswers,
  });
  const ttft = histogram(
    "umbra_ttft_seconds",
    "Time from the pick to the first token, for streaming answers.",
    ttftBounds,
    {
      name: "request_ttft_seconds",
      labels: [...requestLabels, "streaming"],
      note: `${ofMeasuredAnswers}; total time if the answer is not streamed`,
    },
  );
  const tpot = histogram(
    "umbra_tpot_seconds",
    "Time per output token after the first, for streaming answers.",
    tpotBounds,
    ofRequest("streaming_tpot_seconds"),
  );
  const e2e = histogram(
    "umbra_e2e_seconds",
    "Time from the pick to the last token, or to the end of a non-streaming answer.",
    latencyBounds,
  );
  const input = histogram(
    "umbra_input_tokens",
    "Prompt tokens as counted by the endpoints; the sum is the total input tokens.",
    tokenBounds,
    ofRequest("input_tokens"),
  );
  const output = histogram(
    "umbra_output_tokens",
    "Output tokens of answers; the sum is the total output tokens.",
    outputTokenBounds,
    ofRequest("output_tokens"),
  );
  const cached = histogram(
    "umbra_cached_tokens",
    "Prompt tokens found in the endpoints' prefix cache, if they report it.",
    tokenBounds,
    ofRequest("cached_tokens"),
  );

  return (leg) => {
    const { lane } = leg;
    const pool = pools.pool(leg.pool);
    answers.at(lane, pool, leg.class).value++;
    if (leg.class !== "ok") return;
    if (leg.ttftMs !== undefined) ttft.at(lane, pool).observe(leg.ttftMs / 1_000);
    if (leg.tpotMs !== undefined) tpot.at(lane, pool).observe(leg.tpotMs / 1_000);
    if (leg.e2eMs !== undefined) e2e.at(lane, pool).observe(leg.e2eMs / 1_000);
    if (leg.promptTokens !== undefined) input.at(lane, pool).observe(leg.promptTokens);
    if (leg.outTokens !== undefined) output.at(lane, pool).observe(leg.outTokens);
    if (leg.cachedTokens !== undefined) cached.at(lane, pool).observe(leg.cachedTokens);
  };
}
