import { type Topology, trialListener } from "@umbra/envoy-config";
import type { AdsObserver, AdsServer, ClientState, Kind, Snapshot } from "@umbra/xds";
import type { ServingState } from "../apply/serving-state.ts";
import type { ConfigurationFacts, ConfigurationState } from "./configuration-state.ts";
import { ListenerReplies, type ListenerReply } from "./listener-replies.ts";

/** A configuration to serve. */
export interface AppliedConfiguration extends ConfigurationFacts {
  readonly topology: Topology;
  /** Envoy's resources; undefined if Envoy does not get them from here. */
  readonly snapshot: Snapshot | undefined;
}

/** Content that every connected Envoy has refused. */
export interface Refusal {
  readonly kind: Kind;
  /** The resource's name. */
  readonly name: string;
  /** The refused version. */
  readonly version: string;
  /** Envoy's words. */
  readonly message: string;
  readonly nodeId: string;
  /** Whether some Envoy has an earlier form of it; absent: that is not known. */
  readonly hasEarlierForm?: boolean;
}

/**
 * What the source of the configuration wants to know. An Envoy that is stopped or hangs is not waited for: it counts
 * again once it replies.
 */
export interface RolloutListener {
  /** Every connected Envoy has refused a version of a resource; called once for each version. */
  onRefused?(refusal: Refusal): void;
  /** Every connected Envoy has all of a generation, except for what it refuses, and it refuses no routes. */
  onAccepted?(generation: number): void;
  /** Some Envoy has accepted a version of the routes of `trialListener`, and the others have replied too. */
  onTried?(version: string): void;
  /** What Envoys say about the newest listeners has changed. By the name of the listener; absent: nothing yet. */
  onListeners?(replies: ReadonlyMap<string, ListenerReply>): void;
}

export interface RolloutOptions extends RolloutListener {
  readonly serving: ServingState;
  readonly state: ConfigurationState;
  readonly ads: Pick<AdsServer, "update" | "clients">;
  /** Monotonic, in ms; the clock of `ads`. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number;
  /** Runs a function once after some ms; returns what cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** Longest time that new endpoints wait for Envoys to know them. */
export const admitWithinMs = 250;
/** An Envoy that is not up to date and sends no request for 60 s is stopped or hangs: the rollout no longer waits for it. */
export const silentAfterMs = 60_000;
/** An Envoy that is not up to date and sends no request for 10 s no longer delays what the others say. */
export const unheardAfterMs = 10_000;
/** Longest time that what is gone waits for Envoys to give up routes to it. */
export const retireWithinMs = 600_000;
/** Time for Envoys to connect again before it counts that there is none. */
export const reconnectMs = 5_000;

/**
 * Applies configurations to the sidecar and to Envoy in the order that keeps every request served: pools and mirrors
 * are there before a route names them and go after the last route has gone; endpoints are known to Envoy before they
 * are picked, and are no longer picked before Envoy gives them up.
 */
export class ConfigurationRollout {
  readonly #options: RolloutOptions;
  /** Refused versions that `onRefused` knows of. */
  readonly #reported = new Set<string>();
  readonly #replies = new ListenerReplies();
  #latest: AppliedConfiguration | undefined;
  #cancelAdmission: (() => void) | undefined;
  #cancelRetirement: (() => void) | undefined;
  #cancelCheck: (() => void) | undefined;
  /** Undefined while an Envoy is connected, and while none is expected. */
  #lonelySinceMs: number | undefined;
  /** Envoys that have not taken the newest change yet. */
  #awaited = 0;
  /** `changedAtMs` of the oldest change that some Envoy has not taken. */
  #oldestChangeAtMs: number | undefined;
  #acceptedGeneration = 0;
  #triedVersion: string | undefined;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /** Serves a configuration. Throws if it can't be served; the one before stays then. */
  apply(configuration: AppliedConfiguration): void {
    const { serving, ads, state, after } = this.#options;
    serving.begin(configuration.topology);
    this.#latest = configuration;
    state.applied(configuration);
    // The deadlines are those of the oldest change: changes that never end must not put them off.
    this.#cancelAdmission ??= after(admitWithinMs, () => this.#admit());
    this.#cancelRetirement ??= after(retireWithinMs, () => this.#retire());
    if (configuration.snapshot !== undefined) ads.update(configuration.snapshot);
    this.#awaited = ads.clients.filter(({ isUpToDate }) => !isUpToDate).length;
    if (this.#awaited > 0) this.#oldestChangeAtMs ??= configuration.changedAtMs;
    this.#proceed();
  }

  /** For the ADS server whose clients these are. */
  readonly observer: AdsObserver = {
    refused: (_nodeId, kind) => this.#options.state.refused(kind),
    unknownType: () => this.#options.state.unknownType(),
    upToDate: () => this.#measureAck(),
    changed: () => this.#proceed(),
  };

  close(): void {
    for (const cancel of [this.#cancelAdmission, this.#cancelRetirement, this.#cancelCheck]) {
      cancel?.();
    }
  }

  /** Takes the steps that the Envoys' replies allow. */
  #proceed(): void {
    const { clients } = this.#options.ads;
    this.#watchLoneliness(clients);
    if (this.#latest === undefined) return;
    if (this.#haveEndpoints(clients)) this.#admit();
    if (this.#haveGivenUpOldRoutes(clients)) this.#retire();
    const heard = clients.filter((client) => this.#isHeard(client));
    this.#report(heard);
    const isWaiting = heard.some(({ isUpToDate }) => !isUpToDate);
    if (isWaiting || this.#cancelRetirement !== undefined) this.#checkLater();
  }

  #admit(): void {
    if (this.#cancelAdmission === undefined) return;
    this.#cancelAdmission();
    this.#cancelAdmission = undefined;
    this.#options.serving.admitEndpoints();
  }

  #retire(): void {
    if (this.#cancelRetirement === undefined) return;
    this.#cancelRetirement();
    this.#cancelRetirement = undefined;
    this.#options.serving.retire();
  }

  #haveEndpoints(clients: readonly ClientState[]): boolean {
    return clients.length === 0 ? this.#isAlone : clients.every(({ hasEndpoints }) => hasEndpoints);
  }

  /**
   * True without an Envoy, unless one has just left or this process has just started: an Envoy that serves on is about
   * to connect again.
   */
  get #isAlone(): boolean {
    const since = this.#lonelySinceMs;
    return since === undefined || this.#options.now() - since >= reconnectMs;
  }

  #haveGivenUpOldRoutes(clients: readonly ClientState[]): boolean {
    const now = this.#options.now();
    if (clients.length === 0) return this.#isAlone;
    return clients.every(({ isUpToDate, keepsOlderRoutes, silentSinceMs }) =>
      isUpToDate ? !keepsOlderRoutes : now - silentSinceMs >= silentAfterMs,
    );
  }

  #isHeard({ isUpToDate, silentSinceMs }: ClientState): boolean {
    return isUpToDate || this.#options.now() - silentSinceMs < unheardAfterMs;
  }

  /** For what no reply tells: silence. */
  #checkLater(): void {
    this.#cancelCheck ??= this.#options.after(1_000, () => {
      this.#cancelCheck = undefined;
      this.#proceed();
    });
  }

  #watchLoneliness({ length }: readonly ClientState[]): void {
    if (length > 0) this.#lonelySinceMs = undefined;
    else if (this.#latest?.snapshot !== undefined) this.#lonelySinceMs ??= this.#options.now();
  }

  #measureAck(): void {
    const { state, wallClock, ads } = this.#options;
    const since = this.#oldestChangeAtMs;
    // A client that connects again was not waiting for a change.
    if (since === undefined || this.#awaited === 0) return;
    this.#awaited--;
    state.changeToAckS.observe((wallClock() - since) / 1_000);
    if (ads.clients.every(({ isUpToDate }) => isUpToDate)) this.#oldestChangeAtMs = undefined;
  }

  #report(clients: readonly ClientState[]): void {
    const { onRefused, onAccepted } = this.#options;
    this.#reportListeners(clients);
    this.#reportTrial(clients);
    const generation = this.#latest?.generation ?? 0;
    const refused = refusedByAll(clients);
    const keys = new Set(refused.map(keyOf));
    for (const key of this.#reported) if (!keys.has(key)) this.#reported.delete(key);
    for (const refusal of refused) {
      if (this.#reported.has(keyOf(refusal))) continue;
      this.#reported.add(keyOf(refusal));
      onRefused?.(refusal);
    }
    const isAccepted =
      clients.length > 0 &&
      clients.every(
        ({ isUpToDate, rejections }) =>
          isUpToDate && rejections.every(({ kind }) => kind !== "rds"),
      );
    if (!isAccepted || this.#acceptedGeneration === generation) return;
    this.#acceptedGeneration = generation;
    onAccepted?.(generation);
  }

  #reportTrial(clients: readonly ClientState[]): void {
    const version = this.#latest?.snapshot?.rds.get(trialListener)?.version;
    if (version === this.#triedVersion) return;
    const replies = clients.map((client) => replyOf(client, version));
    if (version !== undefined && (!replies.includes("accepted") || replies.includes("none")))
      return;
    this.#triedVersion = version;
    if (version !== undefined) this.#options.onTried?.(version);
  }

  #reportListeners(clients: readonly ClientState[]): void {
    const { onListeners } = this.#options;
    const snapshot = this.#latest?.snapshot;
    if (onListeners === undefined || snapshot === undefined) return;
    const replies = this.#replies.update(snapshot, clients);
    if (replies !== undefined) onListeners(replies);
  }
}

/** What a client says about routes that are tried. */
function replyOf(
  { accepted, rejections }: ClientState,
  version: string | undefined,
): "accepted" | "refused" | "none" {
  if (accepted("rds", trialListener) === version) return "accepted";
  const isRefused = rejections.some(
    (each) => each.kind === "rds" && each.name === trialListener && each.version === version,
  );
  return isRefused ? "refused" : "none";
}

/** What every client refuses, in the words of the first. */
function refusedByAll(clients: readonly ClientState[]): readonly Refusal[] {
  const [first, ...others] = clients;
  if (first === undefined) return [];
  const keys = others.map(({ rejections }) => new Set(rejections.map(keyOf)));
  return first.rejections
    .filter((each) => keys.every((own) => own.has(keyOf(each))))
    .map((each) => ({ ...each, nodeId: first.nodeId, ...earlierForm(each, clients) }));
}

function earlierForm(
  { kind, name }: Pick<Refusal, "kind" | "name">,
  clients: readonly ClientState[],
): Pick<Refusal, "hasEarlierForm"> {
  const known = clients.map(({ hasEarlierForm }) => hasEarlierForm(kind, name));
  if (known.includes(true)) return { hasEarlierForm: true };
  return known.includes(undefined) ? {} : { hasEarlierForm: false };
}

function keyOf({ kind, name, version }: Pick<Refusal, "kind" | "name" | "version">): string {
  return JSON.stringify([kind, name, version]);
}
