import type { OutputPair } from "@umbra/shadow/internal";
import type { Random } from "@umbra/shadow/statistics";
import { habit, type Scenario, type Unit } from "./scenarios.ts";

/** What one request is like on each lane. */
interface Drawn {
  readonly i: number;
  readonly session: string | null;
  /** How bad each lane is, 0 to 1. */
  readonly first: number;
  readonly second: number;
  /** The control answered too. */
  readonly hasFloor: boolean;
}

/** Draws the pairs of an evaluation, two a second. */
export function drawPairs(
  random: Random,
  scenario: Scenario,
  { turns, count }: Unit & { readonly count: number },
): readonly OutputPair[] {
  const { gate, floorShare = 1 } = scenario;
  let [first, second] = [0, 0];
  return Array.from({ length: count }, (_, i) => {
    if (i % turns === 0 || random.unit() >= habit) [first, second] = drawLanes(random, scenario);
    const session = turns === 1 ? null : `s${Math.floor(i / turns)}`;
    const hasFloor = random.unit() < floorShare;
    const seen = scenario.isSketched === true ? (bad: number) => sketched(random, bad) : same;
    return pairOf(gate, { i, session, first: seen(first), second: seen(second), hasFloor });
  });
}

const same = (badness: number) => badness;
const hashes = 64;

/** The distance that sketches show: the share of their hashes that both answers do not have. */
function sketched(random: Random, badness: number): number {
  let other = 0;
  for (let i = 0; i < hashes; i++) if (random.unit() < badness) other++;
  return other / hashes;
}

function drawLanes(random: Random, scenario: Scenario): readonly [number, number] {
  const { primary, shadow, isFlips = false, gate } = scenario;
  if (!isFlips && gate === "out.sim") {
    // Distances between nothing and twice their mean.
    return [2 * primary * random.unit(), 2 * shadow * random.unit()];
  }
  if (!isFlips) return [random.unit() < primary ? 1 : 0, random.unit() < shadow ? 1 : 0];
  // Answers of 20 to 180 tokens; from the first other token on, half of the text is different.
  const tokens = 20 + Math.floor(160 * random.unit());
  const badness = (flips: number) => {
    const same = Math.floor(Math.log(1 - random.unit()) / Math.log(1 - flips));
    if (same >= tokens) return 0;
    return gate === "out.sim" ? 0.5 * (1 - same / tokens) : 1;
  };
  return [badness(primary), badness(shadow)];
}

type Output = OutputPair["primary"];

function pairOf(gate: Scenario["gate"], drawn: Drawn): OutputPair {
  const { i, session, first, second, hasFloor } = drawn;
  const isAgreement = gate === "out.exact" || gate === "out.sim" || gate === "any gate";
  return {
    ...{ kind: undefined, isStream: true, promptBytes: null },
    ...{ atMs: i * 500, session, chars: [null, null], control: undefined, controlChars: null },
    ...{ judged: undefined, controlJudged: undefined },
    promptTokens: [100, gate === "out.prompt" && second === 1 ? 90 : 100],
    request: { decode: "greedy", shape: "text", model: null, tools: null, script: null },
    primary: outputOf(gate, first),
    shadow: outputOf(gate, second),
    agreement: agreementOf(isAgreement ? second : 0),
    floor: isAgreement && hasFloor ? agreementOf(first) : undefined,
  };
}

function outputOf(gate: Scenario["gate"], bad: number): Output {
  const flag = (id: Scenario["gate"]) =>
    (gate === id || gate === "any gate") && bad === 1 ? 1 : 0;
  return {
    ...{ cut: false, rep4: 0, json: null, schema: null, calls: 1, script: null, ppl: null },
    ...{ refusal: flag("out.refusal"), loop: flag("out.loop") },
    toolBad: gate === "out.toolBad" || gate === "any gate" ? flag("out.toolBad") : null,
  };
}

function agreementOf(badness: number): OutputPair["agreement"] {
  return {
    ...{ exact: badness === 0 ? 1 : 0, lcp: null, lcpShare: null, sim: 1 - badness },
    ...{ jsonEqual: null, jsonKeys: null, tool: null, toolF1: null, lpTokens: null, lpAbs: null },
    ...{ lpDiff: null, nearTie: null, why: null },
  };
}
