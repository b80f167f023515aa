import { createResourceStore } from "@umbra/envoy-config";
import { readPickerConfig } from "@umbra/scheduler/config";
import type { Snapshot } from "@umbra/xds";
import type { ConfigurationUpdate } from "../configuration-update.ts";
import { nodeFileSystem } from "../files/find-files.ts";
import { createSourceFiles, type FileChanges, type SourceFiles } from "../files/source-files.ts";
import { type WatchedFiles, watchFiles } from "../files/watched-files.ts";
import type { ObjectChange } from "../object-change.ts";
import type { Refusal } from "../refusals/refusal.ts";
import { type Configurer, createConfigurer, type Draft } from "../resolve/configurer.ts";
import type { ServedFacts } from "../resolve/status-report.ts";
import { type FollowedStatuses, followStatuses } from "./followed-statuses.ts";
import { patchOf } from "./patch.ts";
import { packed } from "./wire.ts";
import type { FromWorker, SentUpdate, WorkerSetup } from "./worker-messages.ts";

export type Send = (message: FromWorker, buffers: readonly ArrayBuffer[]) => void;

/** Follows the files and objects, and sends each configuration that they come to mean. */
export interface Following {
  /** Scans the files now. */
  rescan(): void;
  /** Takes changes of an API server's objects. */
  take(changes: readonly ObjectChange[]): void;
  /** All objects have arrived. */
  synced(): void;
  /** Every Envoy refuses a resource that was sent. */
  refused(refusal: Refusal): void;
  /** Every Envoy has all of a generation. */
  accepted(generation: number): void;
  /** Some Envoy has accepted routes that are tried. */
  tried(version: string): void;
  /** Sends the statuses that objects should have, now and when they change; undefined: not any more. */
  serves(served: ServedFacts | undefined): void;
  close(): void;
}

/** Without a further change for this long, a change is whole. */
const quietMs = 50;
/** Changes that never end are taken as they are after this time. */
const longestMs = 500;

/** From the first change of an object to a draft: a change often has several. */
const gatherMs = 5;

/** Sends the first configuration before it returns, or when all objects have arrived. */
export function startFollowing(setup: WorkerSetup, send: Send): Following {
  return new Follower(setup, send);
}

class Follower implements Following {
  readonly #setup: WorkerSetup;
  readonly #send: Send;
  readonly #files: SourceFiles;
  readonly #configurer: Configurer;
  #watched: WatchedFiles | undefined;
  #sent: Snapshot | undefined;
  #sentUpdate: SentUpdate | undefined;
  #pending: { readonly draft: Draft; readonly sinceMs: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #isServing = false;
  readonly #statuses: FollowedStatuses;

  constructor(setup: WorkerSetup, send: Send) {
    this.#setup = setup;
    this.#send = send;
    const { paths, rendering, ownInterfaces = [], before, topology = {}, earlier } = setup;
    const { objects } = setup;
    const known = { known: earlier };
    this.#files = createSourceFiles({ paths, system: nodeFileSystem, now: Date.now, ...known });
    this.#configurer = createConfigurer({
      store: createResourceStore({
        ...{ ...topology, checkPickerConfig, isLive: true, hasAllPods: objects !== undefined },
      }),
      ...{ rendering, ownInterfaces },
      ...(before === undefined ? {} : { before }),
    });
    this.#statuses = followStatuses({
      published: () => (this.#pending === undefined ? this.#configurer.published : undefined),
      send: (statuses) => this.#send({ kind: "statuses", statuses }, []),
    });
    this.#begin();
    this.#statuses.serves(setup.served);
  }

  rescan(): void {
    this.#watched?.rescan();
  }

  take(changes: readonly ObjectChange[]): void {
    this.#configurer.takeObjects(changes);
    if (this.#isServing) this.#gathering ??= setTimeout(() => this.#gathered(), gatherMs);
  }

  synced(): void {
    if (!this.#isServing) this.#serve();
  }

  refused(refusal: Refusal): void {
    if (this.#configurer.refused(refusal)) this.#draftAgain();
  }

  accepted(generation: number): void {
    if (this.#configurer.accepted(generation)) this.#draftAgain();
  }

  tried(version: string): void {
    if (this.#configurer.tried(version)) this.#draftAgain();
  }

  serves(served: ServedFacts | undefined): void {
    this.#statuses.serves(served);
  }

  close(): void {
    this.#statuses.close();
    clearTimeout(this.#timer);
    clearTimeout(this.#gathering);
    this.#watched?.close();
  }

  #begin(): void {
    const { objects } = this.#setup;
    if (objects !== undefined) {
      const put = objects.objects.map((object) => ({ type: "put", object }) as const);
      this.#configurer.takeObjects(put);
    }
    if (objects?.isSynced !== false) this.#serve();
  }

  /** Sends the first configuration, and follows the files. */
  #serve(): void {
    const { paths, fixed = [], isTolerant, isWatched } = this.#setup;
    this.#isServing = true;
    const resumed = this.#resume();
    const changes = this.#files.scan();
    const problem = isTolerant ? undefined : problemOf(changes);
    if (problem !== undefined) {
      this.#send({ kind: "failed", message: problem }, []);
      return;
    }
    this.#configurer.take({ ...changes, put: [...fixed, ...changes.put] });
    const draft = this.#configurer.draft();
    if (draft !== undefined) this.#publish(draft, Date.now());
    else if (resumed !== undefined) this.#sendUpdate(resumed);
    // The thread before may not have taken them.
    for (const refusal of this.#setup.before?.refusals ?? []) this.refused(refusal);
    if (!isWatched) return;
    this.#watched = watchFiles({
      ...{ paths, files: this.#files },
      onChange: (each) => this.#takeFiles(each),
      onProblem: (words) => this.#send({ kind: "problem", words }, []),
    });
  }

  /** Begins with the earlier content: it is served where the present one is not good. */
  #resume(): ConfigurationUpdate | undefined {
    const { fixed = [], earlier, before } = this.#setup;
    if (earlier.length === 0) return undefined;
    this.#configurer.take({ put: [...fixed, ...earlier], kept: [], removed: [] });
    const draft = this.#configurer.draft();
    // Of a thread that has crashed there is only a part, and what it served is known.
    if (draft === undefined || before !== undefined) return undefined;
    const update = this.#configurer.publish(draft, Date.now());
    this.#configurer.assumeAccepted();
    return update;
  }

  #takeFiles(changes: FileChanges): void {
    this.#configurer.take(changes);
    this.#draftSoon();
  }

  #gathered(): void {
    this.#gathering = undefined;
    this.#draftSoon();
  }

  /** Drafts now, and sends it when the change is whole. */
  #draftSoon(): void {
    clearTimeout(this.#timer);
    const sinceMs = this.#pending?.sinceMs ?? Date.now();
    const draft = this.#configurer.draft();
    this.#pending = draft && { draft, sinceMs };
    this.#statuses.changed();
    if (draft === undefined) return;
    const waitMs = Math.min(quietMs, sinceMs + longestMs - Date.now());
    if (draft.isOfEndpoints || waitMs <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), waitMs);
  }

  #draftAgain(): void {
    const draft = this.#configurer.draft();
    const sinceMs = this.#pending?.sinceMs ?? Date.now();
    this.#pending = draft && { draft, sinceMs };
    this.#statuses.changed();
    clearTimeout(this.#timer);
    this.#flush();
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this.#publish(pending.draft, pending.sinceMs);
  }

  #publish(draft: Draft, changedAtMs: number): void {
    this.#sendUpdate(this.#configurer.publish(draft, changedAtMs));
  }

  #sendUpdate({ snapshot, ...update }: ConfigurationUpdate): void {
    const { resources, buffers } =
      snapshot === undefined ? { resources: undefined, buffers: [] } : packed(snapshot, this.#sent);
    this.#sent = snapshot ?? this.#sent;
    const sent: SentUpdate = { ...update, lastGood: this.#configurer.lastGood };
    const patch = patchOf(this.#sentUpdate, sent);
    this.#sentUpdate = sent;
    this.#send({ kind: "update", patch, ...(resources && { resources }) }, buffers);
  }
}

/** Why the paths can't be served at the start. */
function problemOf({ found, kept }: FileChanges): string | undefined {
  const [first] = found.problems.values();
  return first?.message ?? kept[0]?.problem;
}

function checkPickerConfig(value: unknown): ReturnType<typeof problemsIn> {
  return problemsIn(readPickerConfig(value));
}

function problemsIn(read: ReturnType<typeof readPickerConfig>) {
  return read.ok ? [] : read.problems;
}
