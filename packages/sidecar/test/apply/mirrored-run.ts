import type { Topology } from "@umbra/envoy-config";
import { createRecorder, type LegRecorder, type Sample, type ShadowReport } from "@umbra/shadow";
import type { RequestAccount } from "../../src/decision/request-account.ts";
import { startEvaluations } from "../../src/evaluation/evaluations.ts";
import { createJudging, type Judging } from "../../src/evaluation/judging.ts";
import { createLoadCount } from "../../src/evaluation/load-count.ts";
import { createMirrorRegistry } from "../../src/mirror/mirror-registry.ts";
import type { PoolRegistry } from "../../src/pools/pool-registry.ts";
import { type LiveRequest, MeasuredLeg } from "../../src/requests/live-request.ts";
import { LiveRequests } from "../../src/requests/live-requests.ts";
import { decideMirroring } from "../../src/requests/mirroring.ts";
import { view } from "./mirror-fixtures.ts";

const chunk = Buffer.from('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
const lastChunk = Buffer.from(
  'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":11}}\n\ndata: [DONE]\n\n',
);
const account = {} as RequestAccount;

export interface RunOptions {
  readonly topology: Topology;
  readonly pools?: PoolRegistry;
  readonly samplesFile?: string;
}

/** The mirrors of a sidecar with requests, threads and time simulated: everything between the pick and the report. */
export function createMirroredRun({ topology, pools = new Map(), samplesFile }: RunOptions) {
  const clock = { ms: 1_000 };
  const now = () => clock.ms;
  const epochMs = () => performance.timeOrigin + clock.ms;
  const registry = createMirrorRegistry(topology, now);
  const load = createLoadCount(pools, now);
  const trouble: string[] = [];
  interface Thread {
    readonly judging: Judging;
    now(): Parameters<Judging["update"]>[0];
    flush(): void;
  }
  const threads: Thread[] = [];
  const evaluations = startEvaluations({
    ...{ topology, registry, pools, load, now, samplesFile, secret: "s", evaluateEveryMs: 1 },
    captured: () => 0,
    onAnalysis: () => undefined,
    onTrouble: ({ text }) => void trouble.push(text),
    onEnd: () => void trouble.push("ended"),
    start({ setup, now: current, onClosed }) {
      const judging = createJudging(setup, (text) => void trouble.push(text), epochMs);
      // In batches, as the thread gets them: each is a write to the disk.
      const batch: { key: string; sample: Sample }[] = [];
      const flush = () => judging.add(batch.splice(0));
      threads.push({ judging, now: current, flush });
      return {
        isEnded: false,
        add(key, sample) {
          batch.push({ key, sample });
          if (batch.length === 100) flush();
        },
        begin(next, last) {
          flush();
          judging.begin(next, last);
        },
        end(key, atMs, last) {
          flush();
          judging.end(key, atMs, last);
        },
        watch: () => undefined,
        ask: () => Promise.reject(new Error("this run has no peers")),
        async close() {
          flush();
          judging.close();
        },
        async reports() {
          flush();
          judging.update(current());
          const reports = judging.analyze(true);
          onClosed(judging.closedReports);
          return reports;
        },
      };
    },
  });
  const observers = [registry, evaluations];
  const recorder = createRecorder<LiveRequest>({ now, observers });
  const live = new LiveRequests({
    ...{ now, observers, canCancel: () => true, onCancel: () => undefined },
    mirrorOf: (mirror) => registry.get(mirror),
  });

  interface Pending {
    readonly atMs: number;
    readonly run: () => void;
  }
  const pending: Pending[] = [];
  function after(ms: number, run: () => void): void {
    const atMs = clock.ms + ms;
    const at = pending.findLastIndex((each) => each.atMs <= atMs) + 1;
    pending.splice(at, 0, { atMs, run });
  }

  function answer(leg: LegRecorder | undefined, ttftMs: number, over: () => void): void {
    leg?.responseHeaders({ status: 200, contentType: "text/event-stream" });
    after(ttftMs, () => leg?.responseBody(chunk, false));
    after(ttftMs + 400, () => {
      leg?.responseBody(lastChunk, true);
      leg?.end("complete");
      over();
    });
  }

  let ids = 0;
  return {
    ...{ registry, evaluations, live, load, clock, trouble, threads, after },
    /** A request to a route with these mirrors; `poolOf` is the pool to which Envoy sends a twin. */
    request(names: string, poolOf: (mirror: string) => string, ratio = 1): void {
      const requestId = `r${ids++}`;
      const made = decideMirroring(names, view(requestId), {
        ...{ registry, secret: "s", random: () => 0 },
        asksJudge: () => false,
        onDropped: (id, bytes, of) => evaluations.dropped(id, bytes, of),
      });
      load.picked("default/primary", "primary");
      const request = live.begin(requestId, made.twins);
      if (request === undefined) throw new Error("there is no room");
      const { mirrors, unmirrored } = made;
      request.measured = new MeasuredLeg(account, { mirrors, unmirrored, dispatchedAt: clock.ms });
      request.measured.hasBegun = true;
      request.pairing = recorder.open(request);
      const ttftMs = 80 + ((ids * 7) % 41);
      const own = { requestId, stream: true, promptBytes: 400 };
      const primary = request.pairing.begin({
        ...{ ...own, lane: "primary", pool: "default/primary", mirrors, unmirrored },
        dispatchedAt: clock.ms,
      });
      answer(primary, ttftMs, () => live.streamOver(request));
      for (const mirror of made.twins) {
        after(2, () => {
          const twin = live.beginTwin(requestId, mirror);
          const pool = poolOf(mirror);
          load.picked(pool, "shadow");
          const leg = request.pairing?.begin({
            ...{ ...own, lane: "shadow", pool, mirrors: [mirror], dispatchedAt: clock.ms },
          });
          const noise = 1 + (((ids * 13) % 21) - 10) / 200;
          answer(leg, ttftMs * noise * ratio, () => {
            if (twin !== undefined) live.streamOver(twin.request);
          });
        });
      }
    },
    /** Number of pairs of all mirrors. */
    pairs: (): number => recorder.pairCount,
    /** Lets time pass. */
    pass(ms: number): void {
      const untilMs = clock.ms + ms;
      for (let next = pending[0]; next !== undefined && next.atMs <= untilMs; next = pending[0]) {
        pending.shift();
        clock.ms = Math.max(clock.ms, next.atMs);
        next.run();
      }
      clock.ms = untilMs;
    },
    analyze(): void {
      for (const { judging, now: current, flush } of threads) {
        flush();
        judging.update(current());
        judging.analyze(false);
      }
    },
    apply(next: Topology): void {
      registry.begin(next);
      evaluations.begin(next);
      this.retire();
    },
    retire(): void {
      registry.retire((mirror) => live.isNamed(mirror));
      evaluations.retire();
    },
    async report(candidate: string): Promise<ShadowReport> {
      const reports = await evaluations.reports();
      const found = reports.find(({ candidate: { pool } }) => pool === candidate);
      if (found === undefined) throw new Error(`no report on ${candidate}`);
      return found;
    },
  };
}

export type MirroredRun = ReturnType<typeof createMirroredRun>;
