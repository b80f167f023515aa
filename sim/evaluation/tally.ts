import type { GateStatus, VerdictStatus } from "@umbra/shadow";
import type { Cell } from "./cell.ts";
import type { Decision } from "./methods/method.ts";
import type { Run } from "./simulate.ts";

/** What the runs of one cell came to. */
export interface Tally {
  readonly cell: Cell;
  runs: number;
  pairs: number;
  readonly verdicts: Record<VerdictStatus, number>;
  /** Of verdicts, by status, in s from the start. */
  readonly decidedAtS: Record<VerdictStatus, number[]>;
  readonly gates: Map<string, GateTally>;
  /** Runs in which a check failed, by check and what that does. */
  readonly checks: Map<string, { readonly effect: string; runs: number }>;
  readonly methods: Map<string, MethodTally>;
  /** Runs whose report warns that it saw too few swings of the load. */
  warned: number;
  /** Runs whose report does not, and the gate at whose margin the shadow is passed. */
  unwarned: number;
}

export interface GateTally {
  readonly statuses: Record<GateStatus, number>;
  /** Runs in which it held PASS, being required and undecided. */
  undecided: number;
  readonly passedAtS: number[];
  readonly failedAtS: number[];
}

export interface MethodTally {
  readonly verdicts: Record<Decision["verdict"], number>;
  readonly decidedAtS: Record<Decision["verdict"], number[]>;
}

export function createTally(cell: Cell): Tally {
  return {
    cell,
    runs: 0,
    pairs: 0,
    verdicts: { PASS: 0, FAIL: 0, INCONCLUSIVE: 0, INVALID: 0 },
    decidedAtS: { PASS: [], FAIL: [], INCONCLUSIVE: [], INVALID: [] },
    gates: new Map(),
    checks: new Map(),
    methods: new Map(),
    ...{ warned: 0, unwarned: 0 },
  };
}

export function add(tally: Tally, { outcome, decisions }: Run): void {
  tally.runs++;
  tally.pairs += outcome.pairs;
  tally.verdicts[outcome.status]++;
  if (outcome.decidedAtS !== undefined) {
    tally.decidedAtS[outcome.status].push(outcome.decidedAtS);
  }
  const isWarned = outcome.reasons.includes("few_swings");
  if (isWarned) tally.warned++;
  const { claim } = tally.cell;
  const isPass = outcome.gates.some((gate) =>
    claim.kind === "margin" && gate.id === claim.gate ? gate.status === "PASS" : false,
  );
  if (isPass && !isWarned) tally.unwarned++;
  for (const gate of outcome.gates) {
    const of = entryOf(tally.gates, gate.id, emptyGate);
    of.statuses[gate.status]++;
    if (gate.required && gate.status === "INCONCLUSIVE") of.undecided++;
    if (gate.passedAtS !== undefined) of.passedAtS.push(gate.passedAtS);
    if (gate.failedAtS !== undefined) of.failedAtS.push(gate.failedAtS);
  }
  for (const { id, effect } of outcome.failedChecks) {
    entryOf(tally.checks, id, () => ({ effect, runs: 0 })).runs++;
  }
  for (const [name, { verdict, atS }] of Object.entries(decisions)) {
    const of = entryOf(tally.methods, name, emptyMethod);
    of.verdicts[verdict]++;
    of.decidedAtS[verdict].push(atS);
  }
}

function emptyGate(): GateTally {
  const statuses = { PASS: 0, FAIL: 0, INCONCLUSIVE: 0, NOT_JUDGED: 0 };
  return { statuses, undecided: 0, passedAtS: [], failedAtS: [] };
}

function emptyMethod(): MethodTally {
  return {
    verdicts: { PASS: 0, FAIL: 0, OPEN: 0 },
    decidedAtS: { PASS: [], FAIL: [], OPEN: [] },
  };
}

function entryOf<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}

/** The middle one, or undefined of none. */
export function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
