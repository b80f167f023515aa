import type { PeerLoad, PeerReport, SentPrompt } from "@umbra/scheduler";

/** What one peer tells the others at one time, by pool. */
export type ReplicaReport = ReadonlyMap<string, PeerReport>;

/** Longest line, in bytes. 64 KiB of hashes and 10,000 endpoints fit. */
export const maxReportBytes = 2_097_152;
const maxPools = 1_024;
const maxEndpoints = 10_000;
const maxPrompts = 1_024;
const maxHashes = 16_384;
const maxAddressLength = 64;
/** Counts above are not real. */
const maxInFlight = 100_000;
const maxTokens = 1_000_000_000;

/**
 * Writes a report as a line of JSON, without the end of the line. If there are more prompts than a reader takes, each pool
 * has room for as many of its newest.
 */
export function reportLine(report: ReplicaReport): string {
  const busy = [...report.values()].filter(({ prompts }) => prompts.length > 0).length;
  const room = {
    prompts: Math.floor(maxPrompts / Math.max(1, busy)),
    hashes: Math.floor(maxHashes / Math.max(1, busy)),
  };
  const pools = [...report].map(([name, { loads, prompts }]) => ({
    name,
    loads: loads.map((load) => [
      load.address,
      ...[load.inFlight, load.pendingPromptTokens, load.pendingOutputTokens],
    ]),
    prompts: newestOf(prompts, room).map(({ address, hashes }) => [address, base64Of(hashes)]),
  }));
  return JSON.stringify({ v: 1, pools });
}

interface Room {
  readonly prompts: number;
  readonly hashes: number;
}

/** The newest prompts that fit, oldest first. Of the oldest of them, the start: it is what others share. */
function newestOf(prompts: readonly SentPrompt[], room: Room): readonly SentPrompt[] {
  const newest: SentPrompt[] = [];
  let left = room.hashes;
  for (const { address, hashes } of prompts.toReversed()) {
    if (left === 0 || newest.length === room.prompts) break;
    const fitting = hashes.subarray(0, left);
    newest.push({ address, hashes: fitting });
    left -= fitting.length;
  }
  return newest.reverse();
}

/** Parses a line of a peer; undefined if it is not a report. What is out of bounds is left out. */
export function parseReport(line: string): ReplicaReport | undefined {
  const json = line.length > maxReportBytes ? undefined : parsed(line);
  if (!isRecord(json) || json.v !== 1 || !Array.isArray(json.pools)) return undefined;
  const report = new Map<string, PeerReport>();
  let room = { endpoints: maxEndpoints, prompts: maxPrompts, hashes: maxHashes };
  for (const pool of json.pools.slice(0, maxPools) as readonly unknown[]) {
    if (!isRecord(pool) || typeof pool.name !== "string") continue;
    const loads = loadsOf(pool.loads, room.endpoints);
    const prompts = promptsOf(pool.prompts, room);
    const hashes = prompts.reduce((sum, each) => sum + each.hashes.length, 0);
    room = {
      endpoints: room.endpoints - loads.length,
      prompts: room.prompts - prompts.length,
      hashes: room.hashes - hashes,
    };
    report.set(pool.name, { loads, prompts });
  }
  return report;
}

function loadsOf(json: unknown, most: number): readonly PeerLoad[] {
  if (!Array.isArray(json)) return [];
  return (json.slice(0, most) as readonly unknown[]).flatMap((each): PeerLoad[] => {
    if (!Array.isArray(each)) return [];
    const [address, ...counts] = each as readonly unknown[];
    const [inFlight, promptTokens] = [
      countOf(counts[0], maxInFlight),
      countOf(counts[1], maxTokens),
    ];
    const outputTokens = countOf(counts[2], maxTokens);
    if (!isAddress(address) || inFlight === undefined) return [];
    if (promptTokens === undefined || outputTokens === undefined) return [];
    return [
      {
        ...{ address, inFlight, pendingPromptTokens: promptTokens },
        pendingOutputTokens: outputTokens,
      },
    ];
  });
}

function promptsOf(json: unknown, room: Room): readonly SentPrompt[] {
  if (!Array.isArray(json)) return [];
  let left = room.hashes;
  return (json.slice(0, room.prompts) as readonly unknown[]).flatMap((each): SentPrompt[] => {
    if (!Array.isArray(each)) return [];
    const [address, text] = each as readonly unknown[];
    if (!isAddress(address) || typeof text !== "string") return [];
    const hashes = hashesOf(text, left);
    left -= hashes.length;
    return hashes.length === 0 ? [] : [{ address, hashes }];
  });
}

function base64Of({ buffer, byteOffset, byteLength }: Int32Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}

function hashesOf(text: string, most: number): Int32Array {
  const bytes = Buffer.from(text.slice(0, Math.ceil((most * 16) / 3)), "base64");
  // A copy, because a Buffer need not begin at a multiple of four bytes.
  const copy = new Uint8Array(Math.floor(Math.min(bytes.length, 4 * most) / 4) * 4);
  copy.set(bytes.subarray(0, copy.length));
  return new Int32Array(copy.buffer);
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= maxAddressLength;
}

function countOf(value: unknown, most: number): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
    ? (value as number)
    : undefined;
}

function isRecord(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
