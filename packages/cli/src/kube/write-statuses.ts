import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { isDeepStrictEqual } from "node:util";
import type {
  ConfigurationSource,
  ListenerReply,
  ServedFacts,
  StatusChanges,
} from "@umbra/control";
import {
  type ApiClient,
  createStatusWriter,
  holdLease,
  isKubernetesError,
  type JsonObject,
  type KubernetesError,
  type LeaseHolder,
  type ObjectChange,
  type StatusTarget,
  type StatusWriter,
} from "@umbra/kubernetes";
import type { Sidecar, StatusWrites } from "@umbra/sidecar";
import { readApiVersion } from "./api-version.ts";
import { type StatusTargets, statusTargets } from "./status-targets.ts";
import { WantedStatuses } from "./wanted-statuses.ts";

export interface WriteStatusesOptions {
  readonly client: ApiClient;
  /** Name of the Lease. */
  readonly lease: string;
  /** Whether Envoys get their configuration from this sidecar. */
  readonly isRendering: boolean;
  /** All objects that are held, as the API server has them. */
  readonly objects: () => readonly JsonObject[];
  readonly find: (target: StatusTarget) => JsonObject | undefined;
  readonly configuration: Pick<ConfigurationSource, "serves">;
  readonly onProblem: (words: string) => void;
  /** Time between two readings of what evaluations have found, in ms; 10,000 when absent: a verdict is written no more often. */
  readonly readVerdictsEveryMs?: number;
  /** For people: which process writes. */
  readonly onNote: (words: string) => void;
}

/** Statuses of objects of an API server, written by one of all replicas at a time. */
export interface StatusesInCluster {
  /** The sidecar serves: from now on it may be the one that writes. */
  begin(sidecar: Pick<Sidecar, "verdicts">): void;
  /** How Envoys replied to the newest listeners has changed. */
  takeReplies(replies: ReadonlyMap<string, ListenerReply>): void;
  /** The statuses that objects should have have changed. */
  takeStatuses(changes: StatusChanges): void;
  /** Objects have changed in the API server. */
  takeObjects(changes: readonly ObjectChange[]): void;
  readonly writes: () => StatusWrites;
  /** Stops to write, and gives the Lease back. */
  close(): Promise<void>;
}

/** The installed version changes with a cluster's upgrade. */
const readVersionEveryMs = 300_000;

export function writeStatuses(options: WriteStatusesOptions): StatusesInCluster {
  return new Statuses(options);
}

class Statuses implements StatusesInCluster {
  readonly #options: WriteStatusesOptions;
  readonly #targets: StatusTargets;
  readonly #wanted: WantedStatuses;
  readonly #writer: StatusWriter;
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #closing = new AbortController();
  #lease: LeaseHolder | undefined;
  #isHolder = false;
  /** True once all is known that statuses are made from. */
  #isAsking = false;
  #served: ServedFacts = { listeners: new Map(), verdicts: new Map() };
  #versionTimer: NodeJS.Timeout | undefined;
  #verdictTimer: NodeJS.Timeout | undefined;
  #sidecar: Pick<Sidecar, "verdicts"> | undefined;
  #leaseProblem: string | undefined;
  #versionProblem: string | undefined;

  constructor(options: WriteStatusesOptions) {
    const { client, isRendering, onProblem } = options;
    this.#options = options;
    this.#targets = statusTargets({ isRendering });
    this.#wanted = new WantedStatuses(this.#targets);
    this.#writer = createStatusWriter({
      client,
      onProblem,
      remainingMs: () => this.#lease?.remainingMs() ?? 0,
      change: (target, object) => this.#wanted.change(target, object),
      onOutcome: ({ kind }, outcome) => this.#count(`${kind.plural}.${kind.group}`, outcome),
    });
  }

  begin(sidecar: Pick<Sidecar, "verdicts">): void {
    const { client, lease: name, readVerdictsEveryMs = 10_000 } = this.#options;
    this.#sidecar = sidecar;
    this.#verdictTimer ??= setInterval(() => this.#readVerdicts(), readVerdictsEveryMs).unref();
    this.#lease ??= holdLease({
      ...{ client, name, namespace: client.namespace ?? "default" },
      identity: `${hostname()}_${randomUUID().slice(0, 8)}`,
      onAcquired: () => void this.#acquired(),
      onLost: () => this.#lost(),
      onAnswer: () => {
        this.#leaseProblem = undefined;
      },
      onError: (error) => this.#leaseFailed(error),
    });
  }

  takeReplies(replies: ReadonlyMap<string, ListenerReply>): void {
    this.#serve({ listeners: replies });
  }

  takeStatuses(changes: StatusChanges): void {
    if (!this.#isHolder) return;
    const targets = this.#wanted.take(changes);
    if (changes.isWhole) this.#lookAtAll();
    else for (const target of targets) this.#look(target, this.#options.find(target));
  }

  takeObjects(changes: readonly ObjectChange[]): void {
    if (!this.#isHolder || !this.#wanted.isKnown) return;
    for (const change of changes) {
      if (change.type === "put") {
        const target = this.#targets.ofObject(change.object);
        if (target !== undefined) this.#look(target, change.object);
      } else {
        const { apiVersion, kind, ...metadata } = change.id;
        const target = this.#targets.ofObject({ apiVersion, kind, metadata });
        if (target !== undefined) this.#wanted.remove(target);
      }
    }
  }

  readonly writes = (): StatusWrites => ({
    isHolder: (this.#lease?.remainingMs() ?? 0) > 0,
    pending: this.#writer.pending,
    counts: this.#counts,
    problems: [
      ...(this.#leaseProblem === undefined ? [] : [this.#leaseProblem]),
      ...(this.#versionProblem === undefined ? [] : [this.#versionProblem]),
      ...this.#writer.problems,
    ],
  });

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#versionTimer);
    clearInterval(this.#verdictTimer);
    await this.#writer.close();
    await this.#lease?.close();
  }

  async #acquired(): Promise<void> {
    this.#isHolder = true;
    this.#options.onNote(`holds the Lease ${this.#options.lease}: writes the statuses of objects`);
    if (this.#options.isRendering) await this.#readVersion();
    else {
      this.#isAsking = true;
      this.#serve({});
    }
  }

  #lost(): void {
    this.#isHolder = false;
    this.#isAsking = false;
    clearTimeout(this.#versionTimer);
    this.#writer.clear();
    this.#wanted.forget();
    this.#options.configuration.serves(undefined);
    const { onNote, lease } = this.#options;
    onNote(`no longer holds the Lease ${lease}: writes no statuses of objects`);
  }

  #leaseFailed(error: KubernetesError): void {
    const words = leaseProblem(error, this.#options);
    if (words === this.#leaseProblem) return;
    this.#leaseProblem = words;
    this.#options.onProblem(words);
  }

  async #readVersion(): Promise<void> {
    const { client, onProblem } = this.#options;
    const { version, problem } = await readApiVersion(client, this.#closing.signal);
    if (this.#closing.signal.aborted || !this.#isHolder) return;
    if (problem !== undefined && problem !== this.#versionProblem) onProblem(problem);
    this.#versionProblem = problem;
    this.#isAsking = true;
    // An API server that does not answer may answer soon; what was read last is still so.
    this.#serve(version === undefined ? {} : { apiVersion: version });
    this.#versionTimer = setTimeout(() => void this.#readVersion(), readVersionEveryMs).unref();
  }

  #readVerdicts(): void {
    // Only the holder knows what all replicas have found.
    if (!this.#isHolder) return;
    const verdicts = this.#sidecar?.verdicts();
    if (verdicts === undefined || isDeepStrictEqual(verdicts, this.#served.verdicts)) return;
    this.#serve({ verdicts });
  }

  #serve(changed: Partial<ServedFacts>): void {
    this.#served = { ...this.#served, ...changed };
    if (this.#isAsking) this.#options.configuration.serves(this.#served);
  }

  #lookAtAll(): void {
    for (const object of this.#options.objects()) {
      const target = this.#targets.ofObject(object);
      if (target !== undefined) this.#look(target, object);
    }
  }

  /** Sends no request about an object whose status is right as far as it is known. */
  #look(target: StatusTarget, object: JsonObject | undefined): void {
    if (object !== undefined && this.#wanted.change(target, object) !== undefined) {
      this.#writer.add(target);
    }
  }

  #count(resource: string, outcome: string): void {
    const counts = this.#counts.get(resource) ?? new Map<string, number>();
    this.#counts.set(resource, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
  }
}

function leaseProblem(
  error: KubernetesError,
  { lease, client }: Pick<WriteStatusesOptions, "lease" | "client">,
): string {
  const what = `the Lease ${lease} can't be had, so this process writes no status`;
  if (!isKubernetesError(error) || error.status !== 403) return `${what}: ${error.message}`;
  const group = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  const rules = JSON.stringify([
    { ...group, verbs: ["create"] },
    { ...group, resourceNames: [lease], verbs: ["get", "update"] },
  ]);
  const namespace = client.namespace ?? "default";
  return `${what}; add these rules to a Role in namespace "${namespace}" of Umbra's service account: ${rules} (${error.message})`;
}
