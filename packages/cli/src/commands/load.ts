import { printableJson } from "@umbra/shadow/printable";
import { Command, Option } from "commander";
import { CommandError } from "../errors.ts";
import { wholeNumberOf } from "../flag-shapes.ts";
import { collect } from "../flags.ts";
import type { Io } from "../io.ts";
import { progressLine } from "../progress-line.ts";
import { numberOf } from "../resources/host-port.ts";
import {
  type ClientKeyFlags,
  clientAuthorization,
  withClientKeyFlag,
} from "../traffic/client-key.ts";
import { openLoop } from "../traffic/open-loop.ts";
import { oneOf, seededRandom, skewedLength } from "../traffic/random.ts";
import { summarize, summaryTable } from "../traffic/summary.ts";

interface LoadFlags extends ClientKeyFlags {
  readonly url: string;
  readonly host?: string;
  readonly rate: number;
  readonly duration: number;
  readonly maxInFlight: number;
  readonly model: string;
  readonly adapter?: readonly string[];
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly streamRatio: number;
  readonly seed: number;
  readonly output: "table" | "json";
}

/** `umbra load`: open-loop traffic against a gateway. */
export function loadCommand(io: Io): Command {
  const command = new Command("load");
  return withClientKeyFlag(command)
    .summary("send traffic through a gateway")
    .description(
      "Sends chat completions in an open loop: requests leave at their own times, answered or not.",
    )
    .option("--url <url>", "the gateway", "http://127.0.0.1:8080")
    .option("--host <name>", "Host header")
    .option(
      "--rate <requests/s>",
      "arrival rate; arrivals are Poisson",
      numberOf("--rate", { min: 0.01, max: 10_000 }),
      10,
    )
    .option(
      "--duration <seconds>",
      "how long requests arrive",
      numberOf("--duration", { min: 0.1, max: 86_400 }),
      10,
    )
    .option(
      "--max-in-flight <requests>",
      "a request that would be more is not sent",
      wholeNumberOf("--max-in-flight", { min: 1, max: 10_000 }),
      512,
    )
    .requiredOption("--model <name>", "base model")
    .option(
      "--adapter <name>",
      "a LoRA adapter, mixed in evenly with the base model; repeatable",
      collect,
    )
    .option(
      "--prompt-tokens <tokens>",
      "mean prompt length",
      wholeNumberOf("--prompt-tokens", { min: 1, max: 1_000_000 }),
      128,
    )
    .option(
      "--output-tokens <tokens>",
      "mean output length",
      wholeNumberOf("--output-tokens", { min: 1, max: 100_000 }),
      64,
    )
    .option(
      "--stream-ratio <0..1>",
      "share of requests that stream",
      numberOf("--stream-ratio", { min: 0, max: 1 }),
      1,
    )
    .option(
      "--seed <number>",
      "the same seed makes the same traffic",
      wholeNumberOf("--seed", { min: 0, max: 4_294_967_295 }),
      1,
    )
    .addOption(
      new Option("-o, --output <form>", "how the result is printed")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText(
      "after",
      "\nExample:\n  $ umbra load --url http://127.0.0.1:8080 --host example.com --model /model/llama2 --adapter sql-lora --rate 20 --duration 30",
    )
    .action(async (flags: LoadFlags) => {
      const key = await clientAuthorization(flags, io);
      const random = seededRandom(flags.seed);
      const models: readonly [string, ...string[]] = [flags.model, ...(flags.adapter ?? [])];
      const progress = progressLine(io);
      const result = await openLoop({
        origin: new URL(flags.url).origin,
        ...(flags.host === undefined ? {} : { host: flags.host }),
        ...key,
        ratePerSecond: flags.rate,
        durationMs: flags.duration * 1_000,
        maxInFlight: flags.maxInFlight,
        random,
        signal: io.signal,
        next: () => ({
          model: oneOf(models, random),
          promptTokens: skewedLength(flags.promptTokens, random),
          outputTokens: skewedLength(flags.outputTokens, random),
          isStream: random() < flags.streamRatio,
        }),
        onProgress: ({ elapsedMs, sent, done, failed }) =>
          progress.show(
            `${(elapsedMs / 1_000).toFixed(0)} s: ${sent} sent, ${done} answered, ${failed} failed`,
          ),
      });
      progress.end();
      const summary = summarize(result);
      io.stdout(flags.output === "json" ? `${printableJson(summary)}\n` : summaryTable(summary));
      if (summary.requests === 0 || summary.failed > 0) {
        throw new CommandError(`${summary.failed} of ${summary.requests} requests failed`);
      }
    });
}
