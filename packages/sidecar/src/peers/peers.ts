import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import type { BudgetShare } from "../mirror/budget.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { PeerKeys } from "./peer-keys.ts";
import { openPeerLink, type PeerLink, type PeerLinkOptions } from "./peer-link.ts";
import { type PeerServer, startPeerServer } from "./peer-server.ts";
import { type ReplicaReport, reportLine } from "./report-line.ts";
import {
  type SamplePulling,
  type SamplePullingOptions,
  startSamplePulling,
} from "./sample-pulling.ts";

/** The peers of this sidecar. */
export interface PeersOptions {
  /** Where the peers connect. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly keys: PeerKeys;
  /** `host:port` of the peers; this one may be among them. `Sidecar.setPeers` replaces them. */
  readonly addresses: readonly string[];
  /** True while this process judges for all, which only one may do. Asked each second. */
  readonly isJudge: () => boolean;
}

export interface Peers {
  /** The bound `host:port`. */
  readonly address: string;
  setAddresses(addresses: readonly string[]): void;
  readonly links: readonly PeerLink[];
  readonly isJudge: boolean;
  readonly counts: Readonly<PeerCounts>;
  close(): Promise<void>;
}

/** Since the start. */
export interface PeerCounts {
  reportsTaken: number;
  reportsInvalid: number;
  pagesTaken: number;
  pagesFailed: number;
}

export interface PeersParts {
  readonly pools: PoolRegistry;
  readonly ask: SamplePullingOptions["ask"];
  /** Called when another share of each budget is this process's. */
  readonly onShare: (share: BudgetShare) => void;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: Logger;
}

/** Most addresses; further ones are ignored. */
const maxAddresses = 64;
/**
 * Shortest time between two reports, in ms: a prompt of a few hundred tokens is computed in some 40 ms. At 10 ms, four
 * sidecars and one slow server have a p99 that is 2 % higher (`npm run bench:replicas -- --every 10 --only slow`, on
 * the seeds 1 to 5).
 */
const reportEveryMs = 5;
/** Largest share of a core that reports may take: large pools report less often. */
const reportShare = 0.02;
/** Longest time without a report, in ms. */
const heartbeatMs = 250;

/** @throws Error if the address can't be bound */
export async function startPeers(options: PeersOptions, parts: PeersParts): Promise<Peers> {
  const peers = new ConnectedPeers(options, parts);
  await peers.start();
  return peers;
}

class ConnectedPeers implements Peers {
  readonly #options: PeersOptions;
  readonly #parts: PeersParts;
  readonly #replica = randomBytes(16).toString("hex");
  readonly #links = new Map<string, PeerLink>();
  readonly counts: PeerCounts = {
    ...{ reportsTaken: 0, reportsInvalid: 0, pagesTaken: 0, pagesFailed: 0 },
  };
  #server: PeerServer | undefined = undefined;
  #pulling: SamplePulling | undefined = undefined;
  #reporting: NodeJS.Timeout | undefined = undefined;
  #isClosed = false;
  #lastLine = "";
  #saidMs = Number.NEGATIVE_INFINITY;
  #share: BudgetShare = { of: 1, at: 0 };

  constructor(options: PeersOptions, parts: PeersParts) {
    this.#options = options;
    this.#parts = parts;
  }

  get address(): string {
    return this.#server?.address ?? "";
  }

  get links(): readonly PeerLink[] {
    return [...this.#links.values()];
  }

  get isJudge(): boolean {
    return this.#options.isJudge();
  }

  async start(): Promise<void> {
    const { listen, keys, addresses, isJudge } = this.#options;
    const { ask, now } = this.#parts;
    this.#server = await startPeerServer({
      ...{ listen, keys, replica: this.#replica },
      page: (evaluation, after) => ask({ call: "page", evaluation, after }),
    });
    this.setAddresses(addresses);
    this.#reportAfter(reportEveryMs);
    this.#pulling = startSamplePulling({
      ...{ ask, now, isJudge, links: () => this.links },
      onPage: (outcome) => {
        if (outcome === "taken") this.counts.pagesTaken++;
        else this.counts.pagesFailed++;
      },
    });
  }

  setAddresses(addresses: readonly string[]): void {
    // A Service that is followed may change after the end.
    if (this.#isClosed) return;
    const wanted = new Set(addresses.slice(0, maxAddresses));
    if (addresses.length > maxAddresses) {
      const { log } = this.#parts;
      log.warn({ addresses: addresses.length }, `only the first ${maxAddresses} peers are used`);
    }
    for (const [address, link] of this.#links) {
      if (wanted.has(address)) continue;
      link.close();
      this.#links.delete(address);
    }
    for (const address of wanted) {
      if (!this.#links.has(address)) this.#links.set(address, openPeerLink(address, this.#link()));
    }
    this.#updateShare();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#reporting);
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await this.#pulling?.close();
    await this.#server?.close();
  }

  #link(): PeerLinkOptions {
    const { keys } = this.#options;
    const { pools, random } = this.#parts;
    return {
      ...{ keys, random },
      accepts: (replica, link) =>
        replica !== this.#replica &&
        this.links.every((each) => each === link || each.replica !== replica),
      onReport: (replica, report) => this.#take(replica, report),
      onInvalid: () => {
        this.counts.reportsInvalid++;
      },
      onAway: (replica) => {
        for (const { state } of pools.values()) state.forgetPeer(replica);
      },
    };
  }

  #take(replica: string, report: ReplicaReport): void {
    this.counts.reportsTaken++;
    // Pools without a part in the report have no requests there.
    for (const [name, { state }] of this.#parts.pools) {
      state.recordReport(replica, report.get(name) ?? { loads: [], prompts: [] });
    }
  }

  #reportAfter(ms: number): void {
    this.#reporting = setTimeout(() => {
      const startedMs = performance.now();
      this.#report();
      const tookMs = performance.now() - startedMs;
      if (!this.#isClosed) this.#reportAfter(Math.max(reportEveryMs, tookMs / reportShare));
    }, ms).unref();
  }

  #report(): void {
    this.#updateShare();
    const server = this.#server;
    if (server?.hasListeners !== true) return;
    const reports = [...this.#parts.pools].map(
      ([name, { state }]) => [name, state.takeReport()] as const,
    );
    const line = reportLine(new Map(reports));
    const nowMs = this.#parts.now();
    if (line === this.#lastLine && nowMs - this.#saidMs < heartbeatMs) return;
    this.#lastLine = line;
    this.#saidMs = nowMs;
    server.broadcast(line);
  }

  /** Peers that were not tried yet count: a new peer must not take what others use. */
  #updateShare(): void {
    const ready = this.links.flatMap(({ replica, state }) =>
      state === "ready" && replica !== undefined ? [replica] : [],
    );
    const untried = this.links.filter(({ state }) => state === "new").length;
    const before = ready.filter((replica) => replica < this.#replica).length;
    const of = 1 + ready.length + untried;
    // Who gets what is left over is known once all names are.
    const at = untried > 0 ? of - 1 : before;
    if (of === this.#share.of && at === this.#share.at) return;
    this.#share = { of, at };
    this.#parts.log.info(
      { processes: of },
      "the number of processes that share the budgets has changed",
    );
    this.#parts.onShare(this.#share);
  }
}
