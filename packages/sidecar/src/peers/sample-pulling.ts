import type { PoolingAnswers, PoolingCall } from "../evaluation/worker-messages.ts";
import type { PeerLink } from "./peer-link.ts";

/** Takes the samples of all peers while this one judges for all. */
export interface SamplePulling {
  close(): Promise<void>;
}

export interface SamplePullingOptions {
  /** Links to all listed peers. */
  readonly links: () => readonly PeerLink[];
  readonly ask: <Call extends PoolingCall>(
    about: Call,
  ) => Promise<PoolingAnswers[Call["call"]] | undefined>;
  /** Asked each second. */
  readonly isJudge: () => boolean;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly onPage: (outcome: "taken" | "failed") => void;
}

const everyMs = 1_000;
/** Most pages of one peer in one round, so that none keeps the others waiting. */
const maxPages = 64;
/** Samples of a peer are missing if none could be asked for this long, in ms; and a peer that was away so long has gone. */
const missingAfterMs = 30_000;

export function startSamplePulling(options: SamplePullingOptions): SamplePulling {
  const rounds = createRounds(options);
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  function schedule(): void {
    timer = setTimeout(() => {
      // The evaluation's thread may have ended: mirroring is paused then, and this is logged elsewhere.
      running = rounds.next().catch(() => undefined);
      void running.then(() => {
        if (!isClosed) schedule();
      });
    }, everyMs).unref();
  }

  schedule();
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

function createRounds({ links, ask, isJudge, now, onPage }: SamplePullingOptions) {
  /** When each address has given all that it had, or was seen first. */
  const doneMs = new Map<string, number>();
  /** When each peer was last there. */
  const seenMs = new Map<string, number>();
  let wasJudge = false;

  async function pull(link: PeerLink): Promise<void> {
    const { replica, address } = link;
    if (replica === undefined) return;
    try {
      for (const { evaluation } of (await ask({ call: "wanted", replica })) ?? []) {
        await pullEvaluation({ link, replica, evaluation }, { ask, onPage });
      }
      doneMs.set(address, now());
    } catch {
      onPage("failed");
    }
  }

  return {
    async next(): Promise<void> {
      if (!isJudge()) {
        if (wasJudge) await ask({ call: "stop" });
        wasJudge = false;
        doneMs.clear();
        seenMs.clear();
        return;
      }
      wasJudge = true;
      const others = links().filter(({ state }) => state !== "other");
      const addresses = new Set(others.map(({ address }) => address));
      for (const address of doneMs.keys()) if (!addresses.has(address)) doneMs.delete(address);
      for (const address of addresses) {
        if (!doneMs.has(address)) doneMs.set(address, now());
      }
      await Promise.all(others.map(pull));
      const missing = [...doneMs.values()].filter((at) => now() - at > missingAfterMs).length;
      for (const { replica } of others) if (replica !== undefined) seenMs.set(replica, now());
      for (const [replica, at] of seenMs) {
        if (now() - at > missingAfterMs) seenMs.delete(replica);
      }
      await ask({ call: "setPeers", present: [...seenMs.keys()], missing });
    },
  };
}

interface Pulled {
  readonly link: PeerLink;
  readonly replica: string;
  readonly evaluation: string;
}

/** Takes all new samples of one evaluation. Throws if the peer does not answer as it should. */
async function pullEvaluation(
  { link, replica, evaluation }: Pulled,
  { ask, onPage }: Pick<SamplePullingOptions, "ask" | "onPage">,
): Promise<void> {
  let before = -1;
  for (let pages = 0; pages < maxPages; pages++) {
    const wanted = (await ask({ call: "wanted", replica })) ?? [];
    const after = wanted.find((each) => each.evaluation === evaluation)?.after;
    // The evaluation was closed meanwhile.
    if (after === undefined) return;
    // Otherwise such a page would be asked for without end.
    if (after <= before) throw new Error(`${link.address} sends the same samples again`);
    before = after;
    const page = await link.get(`/v1/samples?evaluation=${evaluation}&after=${after}`);
    // The peer has another configuration, or nothing is mirrored there.
    if (page === undefined) return;
    const outcome = await ask({ call: "take", replica, evaluation, page });
    if (outcome === "invalid") throw new Error(`${link.address} sends no samples`);
    onPage("taken");
    if (outcome !== "more") return;
  }
}
