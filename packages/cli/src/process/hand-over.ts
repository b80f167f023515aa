import { json } from "node:stream/consumers";
import type { Topology } from "@umbra/envoy-config";
import { Option } from "commander";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { ChildOptions } from "./child.ts";
import { ownCommand } from "./own-command.ts";

/** What `umbra up` hands its sidecar, as JSON on standard input: nothing is read or parsed a second time. */
export interface HandOver {
  readonly topology: Topology;
  /** Values of flags of `umbra serve`, in the place of its defaults. */
  readonly flags: object;
}

export interface HandOverFlag {
  readonly handedOver?: true;
}

/** For `umbra up` alone. */
export function handOverOption(): Option {
  return new Option("--handed-over", "topology and flags come from umbra up").hideHelp();
}

/** How the sidecar's process is started. */
export function sidecarProcess(handOver: HandOver): ChildOptions {
  return { ...ownCommand(["serve", "--handed-over"]), input: JSON.stringify(handOver) };
}

/** Throws UsageError where it is not `umbra up` that hands over. */
export async function readHandOver(io: Pick<Io, "streamStdin">): Promise<HandOver> {
  try {
    return (await json(io.streamStdin())) as HandOver;
  } catch (cause) {
    const message = "--handed-over is how umbra up starts the sidecar: give -f or --primary";
    throw new UsageError(message, { cause });
  }
}
