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
  rate: flag("--rate <requests/s>", "arrival rate; arrivals are Poisson", number(0.01, 10_000), 10),
  duration: flag("--duration <seconds>", "how long requests arrive", number(0.1, 86_400), 10),
  maxInFlight: flag(
    "--max-in-flight <requests>",
    "a request that would be more is not sent",
    wholeNumber(1, 10_000),
    512,
  ),
  model: mandatory(flag("--model <name>", "base model")),
  adapter: flag(
    "--adapter <name>",
    "a LoRA adapter, mixed in evenly with the base model; repeatable",
    collect,
  ),
  promptTokens: flag(
    "--prompt-tokens <tokens>",
    "mean prompt length",
    wholeNumber(1, 1_000_000),
    128,
  ),
  outputTokens: flag("--output-tokens <tokens>", "mean output length", wholeNumber(1, 100_000), 64),
  streamRatio: flag("--stream-ratio <0..1>", "share of requests that stream", number(0, 1), 1),
  seed: flag(
    "--seed <number>",
    "the same seed makes the same traffic",
    wholeNumber(0, 4_294_967_295),
    1,
  ),
  output: outputFlag("how the result is printed"),
};

type LoadFlags = FlagsOf<typeof loadFlags> & ClientFlags;

/** `umbra load`: open-loop traffic against a gateway. */
export function loadCommand(io: Io): Command {
  return commandOf("load", {
    summary: "send traffic through a gateway",
    description:
      "Sends chat completions in an open loop: requests leave at their own times, answered or not.",
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
