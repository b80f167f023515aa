import { setTimeout as sleep } from "node:timers/promises";
import {
  type ApiClient,
  createApiClient,
  type KubernetesSource,
  type KubernetesSourceOptions,
  type ObjectChange,
  type Problem,
  startKubernetes,
  type WatchedKind,
} from "@umbra/kubernetes";
import { accessOf, defaultPace } from "@umbra/kubernetes/internal";
import type { ScriptedApiServer } from "../../../testing/api-server/scripted-api-server.ts";
import type { StoredObject } from "../../../testing/api-server/scripted-store.ts";

export const pods: WatchedKind = {
  group: "",
  version: "v1",
  plural: "pods",
  kind: "Pod",
  isNamespaced: true,
};

export const routes: WatchedKind = {
  group: "gateway.networking.k8s.io",
  version: "v1",
  plural: "httproutes",
  kind: "HTTPRoute",
  isNamespaced: true,
};

/** Times a hundred times shorter than the usual ones, so that a test of a fault ends within a second. */
export const shortPace: typeof defaultPace = {
  ...defaultPace,
  minBackoffMs: 5,
  maxBackoffMs: 300,
  listSpacingMs: 100,
  listSpreadMs: 10,
  minAbsentMs: 20,
  maxAbsentMs: 300,
};

const shortLimits = { pace: shortPace, answerMs: 500 };

export function clientOf(server: ScriptedApiServer, token?: string): ApiClient {
  const user = { name: "test", ...(token === undefined ? {} : { token }) };
  return createApiClient(
    accessOf({ cluster: { name: "scripted", server: server.url, skipTLSVerify: true }, user }),
    "umbra-test",
  );
}

/** A source of a test, with all that it reported. */
export interface Followed {
  readonly source: KubernetesSource;
  readonly changes: ObjectChange[];
  readonly problems: Problem[];
  readonly calls: string[];
  close(): Promise<void>;
}

export function follow(
  server: ScriptedApiServer,
  options: Partial<KubernetesSourceOptions> = {},
): Followed {
  const client = clientOf(server);
  const changes: ObjectChange[] = [];
  const problems: Problem[] = [];
  const calls: string[] = [];
  const source = startKubernetes({
    client,
    kinds: [pods],
    onChange: (each) => {
      changes.push(...each);
      calls.push("change");
    },
    onSynced: () => calls.push("synced"),
    onProblem: (problem) => problems.push(problem),
    ...options,
    limits: { ...shortLimits, ...options.limits },
  });
  return {
    source,
    changes,
    problems,
    calls,
    async close() {
      await source.close();
      await client.close();
    },
  };
}

/** An object of namespace "default". */
export function object(name: string, fields: Readonly<Record<string, unknown>> = {}): StoredObject {
  return { metadata: { name, namespace: "default" }, ...fields };
}

/** What happened, as `put NAME` and `gone NAME`. */
export function shortly(changes: readonly ObjectChange[]): string[] {
  return changes.map((change) =>
    change.type === "put"
      ? `put ${String((change.object.metadata as { name: string }).name)}`
      : `gone ${change.id.name}`,
  );
}

/** Names of the objects that a source holds, sorted. */
export function namesOf(source: KubernetesSource): string[] {
  return source
    .objects()
    .map(({ metadata }) => (metadata as unknown as { name: string }).name)
    .sort();
}

/** Waits for a condition; throws with what it was when it does not come true in time. */
export async function until(
  what: string,
  isTrue: () => boolean,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms and still not: ${what}`);
    await sleep(5);
  }
}
