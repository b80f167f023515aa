import { expect, test } from "@jest/globals";
import { attacks, type Outcome, runCampaign } from "./hostile/campaign.ts";

/**
 * A short form of `npm run test:hostile`: an attack of each way, for a second or two each. Its bars are wide, since other tests run
 * next to it; what an attack cost before its fix was seconds, or failed requests.
 */
const chosen: readonly string[] = [
  "30 MiB of escaped keys, gzip",
  "30 MiB of one key, gzip, with a rewrite",
  "1 MB of stream_options, mirrored",
  "refusals in OpenAI's shape",
  "a control header for another model",
  "60 MiB of gzip an answer",
  "usage beyond all numbers",
  "a wide metrics page of the shadow",
  "compressed messages",
  "a page under another name (rebinding)",
  "the capture folder is removed",
];

test("no attack of the short list fails a client, ends a process or stops the event loop", async () => {
  const lines: string[] = [];
  const outcomes: readonly Outcome[] = await runCampaign({
    attacks: attacks.filter(({ name }) => chosen.includes(name)),
    failureModes: ["FailClose"],
    seconds: 1.5,
    settleSeconds: 0,
    tries: 1,
    bars: {
      ...{ p99Ms: 4_000, loopMs: 4_000, keptMb: 1_024 },
      ...{ shadowShare: 1, shadowMs: 8_000, envoyMb: 1_024 },
    },
    signal: AbortSignal.timeout(100_000),
    print: (line) => void lines.push(line),
  });
  expect(outcomes.map(({ name }) => name)).toHaveLength(chosen.length);
  const missed = outcomes.flatMap(({ name, missed: each }) => each.map((bar) => `${name}: ${bar}`));
  expect({ missed, table: missed.length === 0 ? [] : lines }).toEqual({ missed: [], table: [] });
  for (const { measured } of outcomes) expect(measured.served).toBeGreaterThan(10);
}, 120_000);
