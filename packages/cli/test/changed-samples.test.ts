import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { topologyWith } from "../../sidecar/test/apply/mirror-fixtures.ts";
import { createMirroredRun } from "../../sidecar/test/apply/mirrored-run.ts";
import { judgeSamples } from "../src/report/judge-samples.ts";
import { readSamples } from "../src/report/read-samples.ts";

const evaluation = {
  ...{ horizonMs: 300_000, minPairs: 500, warmupMs: 10_000, observeUnmirroredPercent: 10 },
};
const budget = { maxInFlight: 1_000, maxRequests: 1e6, maxDurationMs: 1e9, maxBodyBytes: 1e6 };
const mirror = { ...{ name: "m0", perMillion: 1_000_000 }, policyMore: { budget } };

/** What a verdict consists of, without facts that samples don't have. The sidecar stores latencies with 7 digits. */
const verdictOf = ({
  evaluation: { closed, min_pairs },
  verdict,
  gates,
  funnel,
}: ShadowReport) => ({
  ...{ closed, min_pairs, status: verdict.status, paired: funnel.paired },
  gates: gates.map(({ id, status, estimate }) => [id, status, estimate?.toFixed(4)]),
});

test("a samples file gives the verdicts of closed evaluations, each with its own settings", async () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-changed-"));
  try {
    const samplesFile = join(folder, "run.ndjson");
    const run = createMirroredRun({
      topology: topologyWith({ ...mirror, evaluation }),
      samplesFile,
    });
    const send = (seconds: number, ratio: number) => {
      for (let i = 0; i < seconds * 10; i++) {
        run.request("m0", () => "default/shadow", ratio);
        run.pass(100);
      }
      run.pass(1_000);
    };
    send(120, 1);
    run.apply(topologyWith({ ...mirror, evaluation: { ...evaluation, minPairs: 600 } }));
    send(310, 2);
    run.apply(topologyWith());
    run.retire();
    await run.evaluations.reports();
    const { samples, evaluations, broken } = await readSamples([samplesFile], () =>
      Readable.from([]),
    );
    const reports = judgeSamples(samples, {
      ...{ settings: {}, topology: undefined, control: undefined, evaluations },
    });
    const live = run.evaluations.closedReports.map(verdictOf).toReversed();
    expect(live.map(({ status, min_pairs }) => [status, min_pairs])).toEqual([
      ["INCONCLUSIVE", 500],
      ["FAIL", 600],
    ]);
    expect([reports.map(verdictOf), broken]).toEqual([live, 0]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
