import type { SourceFile, Topology } from "@umbra/envoy-config";
import type { ConfigurationSourceOptions, ConfigurationUpdate } from "./configuration-update.ts";
import type { ObjectChange } from "./object-change.ts";
import type { Refusal } from "./refusals/refusal.ts";
import type { ServedBefore } from "./resolve/configurer.ts";
import type { ServedFacts } from "./resolve/status-report.ts";
import {
  type FollowingThread,
  type FollowingThreadOptions,
  startFollowingThread,
} from "./thread/following-thread.ts";
import { patched } from "./thread/patch.ts";
import { unpacked } from "./thread/wire.ts";
import type { FromWorker, SentUpdate, WorkerSetup } from "./thread/worker-messages.ts";

/** Configurations that come from files, from an API server, or from both. */
export interface ConfigurationSource {
  /**
   * What they mean at the start. Where a finding is an error, what it concerns is left out or not usable. With an API
   * server, it comes after `synced`. It is rejected if a path can't be read at the start.
   */
  readonly first: Promise<ConfigurationUpdate>;
  /** Scans the files now, without waiting for a sign of a change. */
  rescan(): void;
  /** Takes changes of an API server's objects, in the order in which they happened. */
  take(changes: readonly ObjectChange[]): void;
  /** All objects of the API server have arrived: from now on what is held is complete, and served. */
  synced(): void;
  /**
   * Every connected Envoy refuses a resource of `snapshot`. Its last accepted form is held until its content changes,
   * and a finding names the resource and Envoy's words.
   */
  refused(refusal: Refusal): void;
  /** Every connected Envoy has all of a generation, except for what it refuses, and it refuses no routes. */
  accepted(generation: number): void;
  /** Some connected Envoy has accepted this version of the routes of `trialListener`, and the others have replied too. */
  tried(version: string): void;
  /**
   * Asks for the statuses that objects should have, which `onStatuses` gets: first all, then those that change.
   *
   * @param served what is known about what is served; undefined: no more statuses
   */
  serves(served: ServedFacts | undefined): void;
  close(): Promise<void>;
}

/**
 * Reads the files and objects, and follows them in a thread of its own: nothing that is read, resolved or encoded keeps
 * this thread from its work. A thread that crashes is started again; what was served last is served meanwhile.
 */
export function startConfiguration(
  options: ConfigurationSourceOptions,
  internals: Pick<FollowingThreadOptions, "startWorker"> = {},
): ConfigurationSource {
  return new Source(options, internals);
}

/** More are not kept for a thread that is started again. */
const mostRefusals = 1_000;

function isSame(a: Refusal, b: Refusal): boolean {
  return a.kind === b.kind && a.name === b.name;
}

interface Settle {
  readonly resolve: (first: ConfigurationUpdate) => void;
  readonly reject: (cause: Error) => void;
}

class Source implements ConfigurationSource {
  readonly first: Promise<ConfigurationUpdate>;
  readonly #options: ConfigurationSourceOptions;
  readonly #thread: FollowingThread;
  #settle: Settle = { resolve() {}, reject() {} };
  #isSynced = false;
  #latest: ConfigurationUpdate | undefined;
  #received: SentUpdate | undefined;
  #lastGood: readonly SourceFile[] = [];
  #accepted: Topology | undefined;
  /** Of what is served: a thread that is started again has to know them. */
  #refusals: readonly Refusal[] = [];
  #startSettings: Topology["envoy"]["settings"] | undefined;
  #served: ServedFacts | undefined;

  constructor(
    options: ConfigurationSourceOptions,
    internals: Pick<FollowingThreadOptions, "startWorker">,
  ) {
    this.#options = options;
    this.first = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // A caller that closes early need not wait for it.
    this.first.catch(() => undefined);
    this.#thread = startFollowingThread({
      ...internals,
      setup: () => this.#setup(),
      onMessage: (message) => this.#receive(message),
      onCrash: (why, againMs) => this.#crashed(why, againMs),
    });
  }

  rescan(): void {
    this.#thread.send({ kind: "rescan" });
  }

  take(changes: readonly ObjectChange[]): void {
    this.#thread.send({ kind: "objects", changes });
  }

  synced(): void {
    this.#isSynced = true;
    this.#thread.send({ kind: "synced" });
  }

  refused({ kind, name, version, message, hasEarlierForm }: Refusal): void {
    const refusal = {
      ...{ kind, name, version, message },
      ...(hasEarlierForm === undefined ? {} : { hasEarlierForm }),
    };
    this.#refusals = [...this.#refusals.filter((each) => !isSame(each, refusal)), refusal]
      .filter((each) => this.#isCurrent(each))
      .slice(-mostRefusals);
    this.#thread.send({ kind: "refused", refusal });
  }

  accepted(generation: number): void {
    if (generation === this.#latest?.generation) {
      this.#accepted = this.#latest.topology;
      this.#refusals = this.#refusals.filter(({ kind }) => kind !== "rds");
    }
    this.#thread.send({ kind: "accepted", generation });
  }

  tried(version: string): void {
    this.#thread.send({ kind: "tried", version });
  }

  serves(served: ServedFacts | undefined): void {
    this.#served = served;
    this.#thread.send({ kind: "serves", served });
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #setup(): WorkerSetup {
    const { onChange: _, onProblem: _words, onStatuses: _statuses, ...given } = this.#options;
    const { earlier, objects: known, ...rest } = given;
    const before = this.#latest;
    const options = {
      ...rest,
      ...(this.#served && { served: this.#served }),
      ...(known && { objects: { objects: known(), isSynced: this.#isSynced } }),
    };
    if (before === undefined) {
      return { ...options, earlier: earlier ?? [], isTolerant: earlier !== undefined };
    }
    return {
      ...options,
      earlier: this.#lastGood,
      before: this.#servedBefore(before),
      isTolerant: true,
    };
  }

  #servedBefore({ generation, topology }: ConfigurationUpdate): ServedBefore {
    return {
      ...{ generation, topology, refusals: this.#refusals },
      settings: this.#startSettings ?? topology.envoy.settings,
      ...(this.#accepted && { accepted: this.#accepted }),
    };
  }

  /** False: about something older. */
  #isCurrent({ kind, name, version }: Refusal): boolean {
    return this.#latest?.snapshot?.[kind].get(name)?.version === version;
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "update":
        this.#update(message);
        break;
      case "statuses":
        // They may have been sent before the thread knew that no one asks any more.
        if (this.#served !== undefined) this.#options.onStatuses?.(message.statuses);
        break;
      case "problem":
        this.#options.onProblem(message.words);
        break;
      case "failed":
        this.#settle.reject(new Error(message.message));
        void this.close();
        break;
    }
  }

  #update({ patch, resources }: Extract<FromWorker, { readonly kind: "update" }>): void {
    const before = this.#latest;
    this.#received = patched(this.#received, patch) as SentUpdate;
    const { lastGood, ...sent } = this.#received;
    const snapshot =
      resources === undefined ? before?.snapshot : unpacked(resources, before?.snapshot);
    const update = { ...sent, snapshot };
    this.#latest = update;
    this.#refusals = this.#refusals.filter((each) => this.#isCurrent(each));
    this.#lastGood = lastGood;
    this.#startSettings ??= update.topology.envoy.settings;
    if (before === undefined) this.#settle.resolve(update);
    else this.#options.onChange(update);
  }

  #crashed(why: string, againMs: number): void {
    if (this.#latest === undefined) {
      this.#settle.reject(new Error(`the resources can't be read: ${why}`));
      void this.close();
      return;
    }
    this.#options.onProblem(
      `the thread that follows the files has failed (${why}); it is started again in ${againMs / 1_000} s, and what was served last is served meanwhile`,
    );
  }
}
