import { json } from "node:stream/consumers";
import type { BootstrapOptions, Topology } from "@umbra/envoy-config";
import type { AdsAddress } from "@umbra/sidecar";
import { Option } from "commander";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { ChildOptions } from "./child.ts";
import { ownCommand } from "./own-command.ts";

/** The configuration that `umbra up` passes to its sidecar as JSON on standard input, so that nothing is read or parsed twice. */
export interface HandOver {
  readonly topology: Topology;
  /** Values of `umbra serve` flags, instead of its defaults. */
  readonly flags: object;
  /** Absent: Envoy gets its configuration elsewhere. */
  readonly envoy?: EnvoySource | undefined;
}

/** How the sidecar gives Envoy its configuration. */
export interface EnvoySource {
  readonly ads: AdsAddress;
  readonly bootstrap: Partial<BootstrapOptions>;
}

export interface HandOverFlag {
  readonly handedOver?: true;
}

/** Used only by `umbra up`. */
export function handOverOption(): Option {
  return new Option("--handed-over", "take topology and flags from umbra up").hideHelp();
}

export function sidecarProcess(handOver: HandOver): ChildOptions {
  return {
    ...ownCommand(["serve", "--handed-over"]),
    input: JSON.stringify(handOver, mapsAsLists),
  };
}

/** Throws UsageError if the input does not come from `umbra up`. */
export async function readHandOver(io: Pick<Io, "streamStdin">): Promise<HandOver> {
  const handed = await json(io.streamStdin()).catch(() => undefined);
  if (isHandOver(handed)) return withCertificates(handed);
  throw new UsageError("--handed-over is only for umbra up: use -f or --primary");
}

/** JSON has no maps. */
function mapsAsLists(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}

function withCertificates(handed: HandOver): HandOver {
  const { envoy } = handed;
  if (envoy?.bootstrap.certificates === undefined) return handed;
  const certificates = new Map(envoy.bootstrap.certificates);
  return { ...handed, envoy: { ...envoy, bootstrap: { ...envoy.bootstrap, certificates } } };
}

/** A shallow check, to recognise other input: `umbra up` is the same program. */
function isHandOver(given: unknown): given is HandOver {
  if (!isObject(given)) return false;
  const { topology, flags } = given as Partial<Record<keyof HandOver, unknown>>;
  return isObject(topology) && "pools" in topology && isObject(flags);
}

function isObject(given: unknown): given is object {
  return typeof given === "object" && given !== null;
}
