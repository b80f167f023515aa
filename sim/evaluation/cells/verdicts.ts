import type { Cell, Claim } from "../cell.ts";
import { lasting, ordinary } from "../traffic/kinds.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { equal, kindSlower, slower, someSlower, type Truth } from "../truth.ts";

type Row = readonly [name: string, traffic: Partial<Traffic>, more?: Partial<Cell>];

const both = (rate: number) => ({ primary: rate, shadow: rate });
const hour = { settings: { horizonMs: 3_600_000 }, runs: 0.5 };
const fourHours = { settings: { horizonMs: 14_400_000 }, runs: 0.1 };

/** Equal lanes: none of these may fail, and each is a sound experiment. */
const equalRows: readonly Row[] = [
  ["errors 0.1 % in both lanes", { errors: both(0.001) }],
  ["errors 1 % in both lanes", { errors: both(0.01) }],
  ["finish=length 10 %, half of it shared", { cutAnswers: { ...both(0.05), both: 0.05 } }],
  ["finish=length 20 %, most of it shared", { cutAnswers: { ...both(0.02), both: 0.18 } }],
  ["0.9 pairs/s", { perSecond: 0.9 }],
  ["5 pairs/s", { perSecond: 5 }, { runs: 0.4 }],
  ["60 min", { seconds: 3_600 }, hour],
  ["4 h, 1 pair/s", { seconds: 14_400, perSecond: 1 }, fourHours],
  ["outages of 20 s, one an hour in each lane", { outages: { ...both(1), seconds: 20 } }],
  ["outages of 20 s, four an hour in each lane", { outages: { ...both(4), seconds: 20 } }],
  ["clients leave after 800 ms", { patienceMs: 800 }],
  ["clients leave after 500 ms", { patienceMs: 500 }],
  ["35 % streamed, 3 pairs/s", { streamed: 0.35, perSecond: 3 }, { runs: 0.6 }],
  ["10 % streamed", { streamed: 0.1 }],
  ["4 % streamed", { streamed: 0.04 }],
  ["nothing streamed", { streamed: 0 }],
];

type WorseRow = readonly [
  name: string,
  traffic: Partial<Traffic>,
  truth: Truth,
  claim?: Omit<Extract<Claim, { kind: "worse" }>, "kind">,
];

const shortAndLong = (shortShare: number, shortMs: number, longMs: number) => ({
  prompts: [
    { share: shortShare, medianMs: shortMs },
    { share: 1 - shortShare, medianMs: longMs },
  ],
  promptLogSd: 0.4,
});

const doubledP99: Truth = { tail: { of: "ttft", from: 0.97, factor: 2 } };
const never = { passes: 0 };

const worseRows: readonly WorseRow[] = [
  ["load 5 s: 1.3x", ordinary, slower(1.3), { fails: 0.98, beforeS: 360 }],
  ["load 20 s: 1.3x", lasting(20), slower(1.3), { fails: 0.9 }],
  ["load 60 s: 1.3x", lasting(60), slower(1.3)],
  ["load 120 s: 1.5x", lasting(120), slower(1.5)],
  ["p99 doubled, medians equal", ordinary, doubledP99, { passes: 0.05 }],
  ["load 20 s: p99 doubled, medians equal", lasting(20), doubledP99, { passes: 0.05 }],
  ["p99 1.5x, medians equal", ordinary, { tail: { of: "ttft", from: 0.97, factor: 1.5 } }],
  ["2 % of requests 2.5x", ordinary, someSlower(0.02, 2.5)],
  ["5 % of requests 3x", ordinary, someSlower(0.05, 3)],
  [
    "short prompts (60 ms), a class of 5 %, 3x",
    { ...ordinary, ...shortAndLong(0.05, 60, 250) },
    kindSlower(0, 3),
  ],
  [
    "long prompts (2 s), a class of 5 %, 3x",
    { ...ordinary, ...shortAndLong(0.05, 2_000, 250) },
    kindSlower(0, 3),
  ],
  ["30 s for 1 % of requests", { ...ordinary, outliers: { primary: 0, shadow: 0.01 } }, equal],
  ["30 s for 0.4 % of requests", { ...ordinary, outliers: { primary: 0, shadow: 0.004 } }, equal],
  [
    "4.5 % of twins never come",
    { ...ordinary, lost: { atRandom: 0.045, slowestRatio: Number.POSITIVE_INFINITY } },
    equal,
    never,
  ],
  [
    "4 % of requests 4x, and just those twins never come",
    { ...ordinary, lost: { atRandom: 0, slowestRatio: 2.4 } },
    someSlower(0.04, 4),
    never,
  ],
  ["nothing streamed: whole answers 5.7x", { ...ordinary, streamed: 0 }, { whole: 5.7 }, never],
  [
    "35 % streamed and equal: whole answers 3x",
    { ...ordinary, streamed: 0.35, perSecond: 3 },
    { whole: 3 },
    never,
  ],
  ["4 % streamed: whole answers 3x", { ...ordinary, streamed: 0.04 }, { whole: 3 }, never],
];

/** Whole verdicts: all gates and checks together. */
export const verdictCells: readonly Cell[] = [
  ...equalRows.map(
    ([name, traffic, more]): Cell => ({
      name: `equal: ${name}`,
      traffic: { ...ordinary, ...traffic },
      truth: equal,
      looks: "live",
      claim: { kind: "equal" },
      table: "verdicts",
      ...more,
    }),
  ),
  ...worseRows.map(
    ([name, traffic, truth, claim]): Cell => ({
      name,
      traffic,
      truth,
      looks: "live",
      claim: { kind: "worse", ...claim },
      // A median takes more runs than a share.
      ...(claim?.beforeS === undefined ? {} : { runs: 4 }),
      table: "verdicts",
    }),
  ),
];
