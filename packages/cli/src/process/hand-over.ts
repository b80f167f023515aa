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

export function sidecarProcess(handOver: HandOver): ChildOptions {
  return { ...ownCommand(["serve", "--handed-over"]), input: JSON.stringify(handOver) };
}

/** Throws UsageError where it is not `umbra up` that hands over. */
export async function readHandOver(io: Pick<Io, "streamStdin">): Promise<HandOver> {
  const handed = await json(io.streamStdin()).catch(() => undefined);
  if (isHandOver(handed)) return handed;
  throw new UsageError("--handed-over is how umbra up starts the sidecar: give -f or --primary");
}

/** As far as to tell it from what others may write there: `umbra up` is the same program. */
function isHandOver(given: unknown): given is HandOver {
  if (!isObject(given)) return false;
  const { topology, flags } = given as Partial<Record<keyof HandOver, unknown>>;
  return isObject(topology) && "pools" in topology && isObject(flags);
}

function isObject(given: unknown): given is object {
  return typeof given === "object" && given !== null;
}
