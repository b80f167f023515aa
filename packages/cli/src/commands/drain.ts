import { defaultBootstrapOptions } from "@umbra/envoy-config";
import type { Command } from "commander";
import { type DrainEnd, drainEnvoy } from "../envoy/drain-envoy.ts";
import { CommandError, OutcomeError } from "../errors.ts";
import { checked, hostPort, number } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import type { Io } from "../io.ts";

const maxMs = 86_400_000;

const drainFlags = {
  envoyAdmin: flag(
    "--envoy-admin <host:port>",
    "address of Envoy's admin interface",
    checked(hostPort),
    defaultBootstrapOptions.envoyAdmin,
  ),
  announce: flag(
    "--announce <ms>",
    "how long Envoy reports that it is not ready but still serves, so that load balancers notice",
    number(0, maxMs),
    5_000,
  ),
  timeout: flag(
    "--timeout <ms>",
    "how long to wait for requests after that",
    number(0, maxMs),
    120_000,
  ),
  quiet: flag(
    "--quiet <ms>",
    "don't wait for connections on which no request has run for this long",
    number(0, maxMs),
    10_000,
  ),
};

type DrainFlags = FlagsOf<typeof drainFlags>;

/** `umbra drain`: prepares Envoy for its end, as a container's preStop command. */
export function drainCommand(io: Io): Command {
  return commandOf("drain", {
    summary: "let Envoy finish its requests before it is stopped",
    description:
      "Prepares Envoy for being stopped: Envoy is no longer ready, closes each connection after its next answer, and finishes the requests that clients have sent. Returns when no request is left; then stop Envoy first, and the sidecar after it. Exits with status 1 if requests are left after the timeout. Meant for the preStop command of Envoy's container.",
    examples: ["umbra drain --envoy-admin 127.0.0.1:9901 --announce 10000 --timeout 600000"],
    flags: [drainFlags],
  }).action(async ({ envoyAdmin, announce, timeout, quiet }: DrainFlags) => {
    const end = await drainEnvoy({
      ...{ envoyAdmin, announceMs: announce, timeoutMs: timeout, quietMs: quiet },
      signal: io.signal,
    }).catch((cause: unknown) => {
      throw io.signal.aborted ? new OutcomeError(130) : cause;
    });
    if (end.kind === "requests") {
      throw new CommandError(
        `${count(end.requests, "request")} still under way after ${timeout / 1_000} s: raise --timeout`,
      );
    }
    io.stderr(`umbra: ${wordsOf(end)}\n`);
  });
}

function wordsOf({ kind, connections }: DrainEnd): string {
  const drained = "Envoy is drained";
  return kind === "empty" ? drained : `${drained}; idle: ${count(connections, "connection")}`;
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
