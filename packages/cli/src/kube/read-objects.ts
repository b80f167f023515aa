import { setTimeout as sleep } from "node:timers/promises";
import { createResourceStore, type TopologyOptions } from "@umbra/envoy-config";
import type { JsonObject, WatchedKind } from "@umbra/kubernetes";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { KubeChoice } from "../resources/kube-flags.ts";
import { readSourceFiles } from "../resources/read-files.ts";
import type { ReadTopology } from "../resources/topology-flags.ts";
import { followedKinds } from "./followed-kinds.ts";
import { type KindsOf, openKube } from "./kube-source.ts";

/** Longest time until all kinds have been listed. */
const maxListMs = 30_000;

export interface KubeReading {
  readonly choice: KubeChoice;
  /** Files to read in addition. */
  readonly files: readonly string[];
  readonly options: TopologyOptions;
  /** Whether Envoy's certificates are needed, and which Gateways are Umbra's. */
  readonly isRendering: boolean;
}

/**
 * Reads the resources of an API server, and of files, once. Prints rights that are missing. Throws CommandError when the
 * API server can't be read.
 */
export async function readWithKube(reading: KubeReading, io: Io): Promise<ReadTopology> {
  const { choice, options, isRendering } = reading;
  const files = readSourceFiles(reading.files, io);
  const store = createResourceStore({ ...options, hasAllPods: true });
  for (const file of files) store.put(file);
  const kindsOf: KindsOf = (namespaces) => followedKinds({ namespaces, isRendering });
  for (const object of await listOnce(choice, kindsOf, io)) store.putObject(object);
  return { ...store.resolve(), files };
}

/** All objects of one kind. Throws CommandError when the API server can't be read. */
export function readKind(
  choice: KubeChoice,
  kind: Omit<WatchedKind, "namespaces">,
  io: Io,
): Promise<readonly JsonObject[]> {
  const kindsOf: KindsOf = (namespaces) => [namespaces === "all" ? kind : { ...kind, namespaces }];
  return listOnce(choice, kindsOf, io);
}

async function listOnce(
  choice: KubeChoice,
  kindsOf: KindsOf,
  io: Io,
): Promise<readonly JsonObject[]> {
  const problems: string[] = [];
  const kube = openKube({
    ...{ choice, kindsOf, env: io.env, isOnce: true },
    onProblem: (words) => problems.push(words),
  });
  const ended = new AbortController();
  const signal = AbortSignal.any([io.signal, ended.signal]);
  try {
    const isSynced = await Promise.race([
      new Promise<true>((resolve) => kube.feed({ take() {}, synced: () => resolve(true) })),
      sleep(maxListMs, false, { signal }).catch(() => false),
    ]);
    if (!isSynced) {
      const why = problems.at(-1) ?? `no answer in ${maxListMs / 1_000} s`;
      throw new CommandError(`the API server can't be read: ${why}`);
    }
    for (const words of problems) io.stderr(`warning: ${words}\n`);
    return kube.objects();
  } finally {
    ended.abort();
    await kube.close();
  }
}
