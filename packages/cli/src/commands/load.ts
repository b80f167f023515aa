import type { Command } from "commander";
import { CommandError } from "../errors.ts";
import { collect, number, wholeNumber } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, mandatory, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { print } from "../tables.ts";
import { type ClientFlags, chatTarget, clientFlags } from "../traffic/client-flags.ts";
import { openLoop } from "../traffic/open-loop.ts";
import { summarize, summaryTable } from "../traffic/summary.ts";

const loadFlags = {
  rate: flag(
    "--rate <requests/s>",
    "mean arrival rate; arrivals are a Poisson process",
    number(0.01, 10_000),
    10,
  ),
  duration: flag("--duration <seconds>", "how long to send requests", number(0.1, 86_400), 10),
  maxInFlight: flag(
    "--max-in-flight <requests>",
    "maximum concurrent requests; requests above it are skipped",
    wholeNumber(1, 10_000),
    512,
  ),
  model: mandatory(flag("--model <name>", "base model")),
  adapter: flag(
    "--adapter <name>",
    "LoRA adapter, requested as often as the base model; repeatable",
    collect,
  ),
  promptTokens: flag(
    "--prompt-tokens <tokens>",
    "mean prompt length, in tokens",
    wholeNumber(1, 1_000_000),
    128,
  ),
  outputTokens: flag(
    "--output-tokens <tokens>",
    "mean output length, in tokens",
    wholeNumber(1, 100_000),
    64,
  ),
  streamRatio: flag("--stream-ratio <0..1>", "share of streaming requests", number(0, 1), 1),
  seed: flag(
    "--seed <number>",
    "random seed; the same seed produces the same traffic",
    wholeNumber(0, 4_294_967_295),
    1,
  ),
  output: outputFlag("output format"),
};

type LoadFlags = FlagsOf<typeof loadFlags> & ClientFlags;

/** `umbra load`: sends open-loop traffic to a gateway. */
export function loadCommand(io: Io): Command {
  return commandOf("load", {
    summary: "send load through a gateway",
    description:
      "Sends chat completions at a given rate, whether or not earlier ones were answered (an open loop).",
    examples: [
      "umbra load --url http://127.0.0.1:8080 --host example.com --model /model/llama2 --adapter sql-lora --rate 20 --duration 30",
    ],
    flags: [clientFlags, loadFlags],
  }).action((flags: LoadFlags) => runLoad(flags, io));
}

async function runLoad(flags: LoadFlags, io: Io): Promise<void> {
  const { model, adapter = [], promptTokens, outputTokens, streamRatio } = flags;
  const result = await openLoop({
    target: await chatTarget(flags, io),
    mix: { models: [model, ...adapter], promptTokens, outputTokens, streamRatio },
    ratePerSecond: flags.rate,
    durationMs: flags.duration * 1_000,
    maxInFlight: flags.maxInFlight,
    seed: flags.seed,
    timeText: (elapsedMs) => `${(elapsedMs / 1_000).toFixed(0)} s`,
    io,
  });
  const summary = summarize(result);
  print(flags.output, summary, summaryTable(summary), io);
  if (summary.requests === 0 || summary.failed > 0) {
    throw new CommandError(`${summary.failed} of ${summary.requests} requests failed`);
  }
}
