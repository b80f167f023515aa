import type { ConfigurationSource } from "@umbra/control";
import {
  type ApiClient,
  createApiClient,
  type JsonObject,
  type KubernetesSource,
  type ObjectChange,
  type ObjectId,
  readAccess,
  type ScopeState,
  startKubernetes,
  type WatchedKind,
} from "@umbra/kubernetes";
import type { FollowedKind } from "@umbra/sidecar";
import { CommandError } from "../errors.ts";
import type { KubeChoice } from "../resources/kube-flags.ts";
import { version } from "../version.ts";
import { createStatusFilter } from "./status-only.ts";

/** The kinds to follow in these namespaces. */
export type KindsOf = (namespaces: readonly string[] | "all") => readonly WatchedKind[];

export interface KubeSourceOptions {
  readonly choice: KubeChoice;
  readonly kindsOf: KindsOf;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True: a command reads once, so it waits for no other peer's lists. */
  readonly isOnce?: boolean;
  readonly onProblem: (words: string) => void;
}

/** The resources of an API server, for a configuration. */
export interface KubeSource {
  readonly namespaces: readonly string[] | "all";
  objects(): readonly JsonObject[];
  find(id: ObjectId): JsonObject | undefined;
  readonly client: ApiClient;
  /** Gives `configuration` what changes, from now on; `onChange` also gets changes of statuses alone. */
  feed(
    configuration: Pick<ConfigurationSource, "take" | "synced">,
    onChange?: (changes: readonly ObjectChange[]) => void,
  ): void;
  kinds(): readonly FollowedKind[];
  close(): Promise<void>;
}

/** Begins to follow an API server. Throws CommandError when its kubeconfig can't be used. */
export function openKube(options: KubeSourceOptions): KubeSource {
  const { choice, kindsOf, env, isOnce = false, onProblem } = options;
  const client = clientOf(choice, env);
  const namespaces = choice.namespaces ?? [client.namespace ?? "default"];
  let source: KubernetesSource | undefined;
  return {
    namespaces,
    objects: () => source?.objects() ?? [],
    find: (id) => source?.find(id),
    client,
    feed(configuration, onChange) {
      const withoutStatuses = createStatusFilter();
      source = startKubernetes({
        client,
        kinds: kindsOf(namespaces),
        isAlone: isOnce,
        onChange(changes: readonly ObjectChange[]) {
          const read = withoutStatuses(changes);
          if (read.length > 0) configuration.take(read);
          onChange?.(changes);
        },
        onSynced: () => configuration.synced(),
        onProblem({ code, message }) {
          // Which kinds are installed is the cluster's choice.
          if (code !== "ABSENT") onProblem(message);
        },
      });
    },
    kinds: () => (source?.states() ?? []).map(followedKindOf),
    async close() {
      await source?.close();
      await client.close();
    },
  };
}

/** Throws CommandError when the kubeconfig can't be used. */
export function clientOf({ file }: KubeChoice, env: KubeSourceOptions["env"]): ApiClient {
  try {
    return createApiClient(readAccess(file === undefined ? {} : { file }, env), `umbra/${version}`);
  } catch (cause) {
    throw new CommandError((cause as Error).message, { cause });
  }
}

function followedKindOf({ scope, secondsSinceContact, problem }: ScopeState): FollowedKind {
  const { group, plural } = scope.kind;
  return {
    resource: group === "" ? plural : `${plural}.${group}`,
    namespace: scope.namespace ?? "",
    ...(secondsSinceContact === undefined ? {} : { secondsSinceContact }),
    ...(problem === undefined || problem.code === "ABSENT" ? {} : { problem: problem.message }),
  };
}
