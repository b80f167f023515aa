import { json } from "node:stream/consumers";
import type { RenderingOptions } from "@umbra/control";
import type { AdsAddress } from "@umbra/sidecar";
import { Option } from "commander";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { ChildOptions } from "./child.ts";
import { ownCommand } from "./own-command.ts";

/** What `umbra up` passes to its sidecar as JSON on standard input. */
export interface HandOver {
  /** Values of `umbra serve` flags, instead of its defaults. `file` has no standard input and no pipes. */
  readonly flags: object;
  /** Content that only `umbra up` could read: standard input and pipes. */
  readonly fixed: readonly HandedText[];
  /** Content of the files when `umbra up` checked them: it serves where a file is broken when the sidecar starts again. */
  readonly earlier: readonly HandedText[];
  /** Absent: Envoy gets its configuration elsewhere. */
  readonly envoy?: EnvoySource | undefined;
}

/** How the sidecar gives Envoy its configuration. */
export interface EnvoySource {
  readonly ads: AdsAddress;
  readonly bootstrap: RenderingOptions;
}

export interface HandedText {
  readonly name: string;
  readonly text: string;
}

export interface HandOverFlag {
  readonly handedOver?: true;
}

/** Used only by `umbra up`. */
export function handOverOption(): Option {
  return new Option("--handed-over", "take flags and files from umbra up").hideHelp();
}

export function sidecarProcess(handOver: HandOver): ChildOptions {
  return { ...ownCommand(["serve", "--handed-over"]), input: JSON.stringify(handOver) };
}

/** Throws UsageError if the input does not come from `umbra up`. */
export async function readHandOver(io: Pick<Io, "streamStdin">): Promise<HandOver> {
  const handed = await json(io.streamStdin()).catch(() => undefined);
  if (isHandOver(handed)) return handed;
  throw new UsageError("--handed-over is only for umbra up: use -f or --primary");
}

/** A shallow check, to recognise other input: `umbra up` is the same program. */
function isHandOver(given: unknown): given is HandOver {
  if (!isObject(given)) return false;
  const { flags, fixed, earlier } = given as Partial<Record<keyof HandOver, unknown>>;
  return isObject(flags) && Array.isArray(fixed) && Array.isArray(earlier);
}

function isObject(given: unknown): given is object {
  return typeof given === "object" && given !== null;
}
