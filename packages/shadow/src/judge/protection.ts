import { meanBounds } from "../statistics/confidence-sequence.ts";
import type { Primaries } from "./partition.ts";

export interface ProtectionOptions {
  /** Start of the compared time; earlier requests are left out. */
  readonly fromMs: number;
  /** Length of the time blocks within which requests are compared. */
  readonly blockMs: number;
  /** Error of the anytime-valid bounds, on each side. */
  readonly alpha: number;
}

/** Effect of mirroring on the primary's latency, as ratios: 1 is no change. Null with a reason if unknown. */
export interface Protection {
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly note: string | null;
}

const minBlocks = 20;
const minSessions = 100;

/**
 * Compares mirrored with unmirrored primary requests within the same time blocks and at the same prompt size. Mirrored
 * requests are drawn at random, so this is a randomised test of whether mirroring hurts clients.
 *
 * Regresses log latency on blocks, log prompt size and being mirrored. The standard error is clustered by the unit that
 * was drawn: by session if sessions were drawn, otherwise by block, because requests of one session are similar
 * (cluster-robust: Liang and Zeger 1986; the covariate: Deng, Xu, Kohavi and Walker 2013). The bounds hold at every
 * analysis.
 */
export function primaryProtection(primaries: Primaries, options: ProtectionOptions): Protection {
  const rows = comparableRows(primaries, options);
  const isBySession = primaries.session.some((session) => session !== null);
  const note = isBySession ? missingSessions(rows) : missingBlocks(rows);
  if (note !== null) return { estimate: null, lower: null, upper: null, note };
  const found = clustered(rows, isBySession ? (row) => row.session : (row) => row.block);
  const { lower, upper } = meanBounds(found, options.alpha);
  return {
    estimate: Math.exp(found.mean),
    lower: Math.exp(lower),
    upper: Math.exp(upper),
    note: null,
  };
}

interface Row {
  readonly block: number;
  /** Session; a request without one is its own unit. */
  readonly session: string | number;
  /** Log latency, log prompt size and being mirrored, each minus its block's mean. */
  latency: number;
  size: number;
  mirrored: number;
  readonly isMirrored: boolean;
}

/** Requests of the time blocks that contain both kinds. */
function comparableRows(
  { atMs, isMirrored, latencyMs, promptBytes, session }: Primaries,
  { fromMs, blockMs }: ProtectionOptions,
): readonly Row[] {
  const blocks = new Map<number, Row[]>();
  for (let i = 0; i < atMs.length; i++) {
    const t0 = atMs[i] ?? 0;
    if (t0 < fromMs) continue;
    const block = Math.floor((t0 - fromMs) / blockMs);
    const rows = blocks.get(block) ?? [];
    blocks.set(block, rows);
    const bytes = promptBytes[i] ?? 0;
    rows.push({
      block,
      session: session[i] ?? i,
      latency: Math.log(latencyMs[i] ?? 1),
      size: bytes > 0 ? Math.log(bytes) : Number.NaN,
      mirrored: Number(isMirrored[i] === true),
      isMirrored: isMirrored[i] === true,
    });
  }
  const kept: Row[] = [];
  for (const rows of blocks.values()) {
    const isMixed = rows.some((row) => row.isMirrored) && rows.some((row) => !row.isMirrored);
    if (!isMixed) continue;
    for (const field of ["latency", "size", "mirrored"] as const) centre(rows, field);
    kept.push(...rows);
  }
  return kept;
}

/** Subtracts the block's mean. An unknown size counts as the mean. */
function centre(rows: readonly Row[], field: "latency" | "size" | "mirrored"): void {
  let [n, sum] = [0, 0];
  for (const row of rows) {
    if (Number.isNaN(row[field])) continue;
    n++;
    sum += row[field];
  }
  for (const row of rows) row[field] = Number.isNaN(row[field]) ? 0 : row[field] - sum / n;
}

function missingBlocks(rows: readonly Row[]): string | null {
  const blocks = new Set(rows.map(({ block }) => block)).size;
  return blocks >= minBlocks
    ? null
    : `needs ${minBlocks} blocks of time with requests that are mirrored and requests that are not, has ${blocks}`;
}

function missingSessions(rows: readonly Row[]): string | null {
  const count = (isMirrored: boolean) =>
    new Set(rows.filter((row) => row.isMirrored === isMirrored).map(({ session }) => session)).size;
  const [mirrored, unmirrored] = [count(true), count(false)];
  return Math.min(mirrored, unmirrored) >= minSessions
    ? null
    : `needs ${minSessions} sessions per side, has ${mirrored} mirrored and ${unmirrored} unmirrored`;
}

/** Effect of being mirrored, as the mean of one value per cluster. */
function clustered(rows: readonly Row[], clusterOf: (row: Row) => string | number) {
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  const sizes = sum(({ size }) => size ** 2);
  const over = (of: (row: Row) => number) => (sizes === 0 ? 0 : sum(of) / sizes);
  const latencySlope = over(({ size, latency }) => size * latency);
  const mirroredSlope = over(({ size, mirrored }) => size * mirrored);
  const treatment = (row: Row) => row.mirrored - mirroredSlope * row.size;
  const outcome = (row: Row) => row.latency - latencySlope * row.size;
  const spread = sum((row) => treatment(row) ** 2);
  const effect = sum((row) => treatment(row) * outcome(row)) / spread;
  const clusters = new Map<string | number, { score: number; leverage: number }>();
  for (const row of rows) {
    const cluster = clusterOf(row);
    const found = clusters.get(cluster) ?? { score: 0, leverage: 0 };
    clusters.set(cluster, found);
    found.score += treatment(row) * (outcome(row) - effect * treatment(row));
    found.leverage += treatment(row) ** 2 / spread;
  }
  const count = clusters.size;
  // A long session pulls the estimate towards itself, which hides its deviation; this corrects for it (jackknife form
  // of Bell and McCaffrey 2002).
  const squares = [...clusters.values()].reduce(
    (total, { score, leverage }) => total + (score / spread / Math.max(0.5, 1 - leverage)) ** 2,
    0,
  );
  return { mean: effect, sd: count * Math.sqrt(squares / (count - 1)), count };
}
