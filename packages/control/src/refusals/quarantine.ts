import { type ResourceRef, resourceName, type Topology, trialListener } from "@umbra/envoy-config";
import { type Kind, kinds, type Resource, type Snapshot, snapshotOf } from "@umbra/xds";
import { type OfObject, routesByObject } from "../routes-by-object.ts";
import { withHeldRoutes } from "./held-routes.ts";
import type { Refusal } from "./refusal.ts";
import { RouteTrial } from "./route-trial.ts";
import { type UntriedRoute, UntriedRoutes } from "./untried-routes.ts";

/** An HTTPRoute that Envoy refuses. */
export interface RefusedRoute {
  readonly ref: ResourceRef;
  /** Its refused form. */
  readonly form: string;
  readonly message: string;
  /** False: Envoy has never accepted a form of it, so it is not served at all. */
  readonly hasEarlier: boolean;
}

interface Published {
  readonly generation: number;
  readonly topology: Topology;
  readonly snapshot: Snapshot | undefined;
}

interface Accepted {
  readonly topology: Topology;
  readonly snapshot: Snapshot | undefined;
  /** False: an earlier process has served it, and Envoy may have refused a part. */
  readonly isKnown: boolean;
}

/** Routes to be offered to Envoy in addition to those that serve. */
export interface TriedRoutes {
  /** The listener that they are of. */
  readonly listener: string;
  /** With these routes and no others. */
  readonly topology: Topology;
}

/**
 * Keeps what Envoy refuses in the form that it accepted last, so that everything else moves on. Of routes Envoy says
 * only that one of many is bad, so those that have changed are tried in ever smaller groups until the bad one is found.
 * If it is unknown what Envoy has accepted, all routes are tried at a listener that nothing connects to. A route that is
 * held back is tried again when its content changes.
 */
export class Quarantine {
  /** HTTPRoutes that Envoy refuses, by name. */
  readonly #refused = new Map<string, RefusedRoute>();
  /** Changed HTTPRoutes that are held back meanwhile. */
  readonly #untried = new UntriedRoutes();
  /** By the name of the listener. */
  readonly #trials = new Map<string, RouteTrial>();
  readonly #resources = new Map<Kind, Map<string, Refusal>>();
  #published: Published | undefined;
  #accepted: Accepted | undefined;

  /** This topology was served before this process or thread began. */
  assumeAccepted(topology: Topology): void {
    this.#accepted = { topology, snapshot: undefined, isKnown: false };
  }

  /** Envoy has accepted this topology before this thread began. */
  knowAccepted(topology: Topology): void {
    this.#accepted = { topology, snapshot: undefined, isKnown: true };
  }

  get refusedRoutes(): readonly RefusedRoute[] {
    return [...this.#refused.values()];
  }

  /** Clusters, listeners, endpoints and certificates that are held. */
  get refusedResources(): readonly Refusal[] {
    return [...this.#resources.values()].flatMap((each) => [...each.values()]);
  }

  /** Puts the accepted form of refused HTTPRoutes into a topology. What has changed since is tried again. */
  topology(wanted: Topology): Topology {
    const { all } = this.#untried;
    if (this.#refused.size === 0 && all.length === 0 && this.#trials.size === 0) return wanted;
    const forms = routesByObject(wanted);
    const isStillWanted = ({ name, form }: UntriedRoute) => formOf(forms.get(name)) === form;
    for (const [name, { form }] of [...this.#refused]) {
      if (!isStillWanted({ name, form })) this.#refused.delete(name);
    }
    for (const each of [this.#untried, ...this.#trials.values()]) each.retain(isStillWanted);
    const untried = this.#untried.all.map(({ name }) => name);
    const held = new Set([...this.#refused.keys(), ...untried]);
    return withHeldRoutes(wanted, held, this.#accepted?.topology);
  }

  /** Routes of a topology, which is published next, that must be tried; undefined if there are none. */
  trial(topology: Topology): TriedRoutes | undefined {
    const [listener, trial] = this.#firstTrial ?? [];
    const names = trial?.names;
    if (listener === undefined || names === undefined) return undefined;
    const others = [...routesByObject(topology).keys()].filter((name) => !names.has(name));
    return { listener, topology: withHeldRoutes(topology, new Set(others), undefined) };
  }

  /** Puts the accepted form of refused resources into a snapshot. */
  snapshot(wanted: Snapshot): Snapshot {
    if (this.refusedResources.length === 0) return wanted;
    const held = kinds.map((kind) => [kind, this.#heldOf(kind, wanted[kind])] as const);
    return snapshotOf(Object.fromEntries(held), this.#published?.snapshot);
  }

  published(published: Published): void {
    this.#published = published;
  }

  /** Returns true if there is another configuration to publish. */
  refused(refusal: Refusal): boolean {
    const { kind, name, version } = refusal;
    const published = this.#published;
    // About something older: what is published now will be answered too.
    if (published?.snapshot?.[kind].get(name)?.version !== version) return false;
    if (kind === "rds" && name === trialListener) this.#trialRefused(published.topology, refusal);
    else if (kind === "rds") this.#routesRefused(published.topology, refusal);
    else this.#holdResource(refusal);
    return true;
  }

  /** Some Envoy has accepted routes that are tried. Returns true if there is another configuration to publish. */
  tried(version: string): boolean {
    if (this.#published?.snapshot?.rds.get(trialListener)?.version !== version) return false;
    this.#firstTrial?.[1].accepted();
    return true;
  }

  /** Every Envoy has all routes of a generation. Returns true if there is another configuration to try. */
  accepted(generation: number): boolean {
    const published = this.#published;
    if (published?.generation !== generation) return false;
    const { topology, snapshot } = published;
    const known = snapshot && this.#withoutRefused(snapshot);
    this.#accepted = { topology, snapshot: known, isKnown: true };
    const isTrying = this.#firstTrial !== undefined;
    this.#trials.clear();
    return this.#untried.shift() !== undefined || isTrying;
  }

  get #firstTrial(): [string, RouteTrial] | undefined {
    return [...this.#trials].find(([, { names }]) => names !== undefined);
  }

  #routesRefused(topology: Topology, refusal: Refusal): void {
    const suspects = this.#suspects(topology, refusal.name);
    const [only] = suspects;
    if (only === undefined) this.#tryAll(topology, refusal);
    else if (suspects.length === 1) this.#blame(only, refusal.message);
    else this.#untried.halve(suspects.map(untriedOf));
  }

  #tryAll(topology: Topology, refusal: Refusal): void {
    const { name: listener } = refusal;
    const trial = this.#trials.get(listener) ?? new RouteTrial();
    this.#trials.set(listener, trial);
    trial.add(ofListener([...routesByObject(topology).values()], listener).map(untriedOf));
    this.#holdResource(refusal);
  }

  #trialRefused(topology: Topology, { message }: Refusal): void {
    const found = this.#firstTrial?.[1].refused();
    const object = found && routesByObject(topology).get(found.name);
    if (object !== undefined) this.#blame(object, message);
  }

  /** A refused resource stays in what is published where no earlier form can replace it. */
  #withoutRefused(snapshot: Snapshot): Snapshot {
    if (this.refusedResources.length === 0) return snapshot;
    const taken = kinds.map((kind) => {
      const held = this.#resources.get(kind);
      const all = [...snapshot[kind].values()];
      return [kind, all.filter(({ name, version }) => held?.get(name)?.version !== version)];
    });
    return snapshotOf(Object.fromEntries(taken), snapshot);
  }

  /** HTTPRoutes of a listener whose published form is not the accepted one. */
  #suspects(published: Topology, listener: string): readonly OfObject[] {
    // Envoy may have all of them from an earlier process, and must not lose them.
    if (this.#accepted?.isKnown !== true) return [];
    const earlier = routesByObject(this.#accepted.topology);
    const changed = [...routesByObject(published)].filter(
      ([name, each]) => formOf(each) !== formOf(earlier.get(name)),
    );
    return ofListener(
      changed.map(([, each]) => each),
      listener,
    );
  }

  #blame(object: OfObject, message: string): void {
    const [name, form] = [resourceName(object.ref), formOf(object)];
    const accepted = this.#accepted;
    const earlier = accepted && routesByObject(accepted.topology).get(name);
    const hasEarlier = earlier !== undefined && formOf(earlier) !== form;
    this.#refused.set(name, { ref: object.ref, form, message, hasEarlier });
    if (earlier === undefined || hasEarlier || accepted === undefined) return;
    // It was only thought to be accepted.
    const topology = withHeldRoutes(accepted.topology, new Set([name]), undefined);
    this.#accepted = { ...accepted, topology };
  }

  /** Without an accepted form nothing can replace it: Envoy keeps what it has. */
  #holdResource(refusal: Refusal): void {
    const held = this.#resources.get(refusal.kind) ?? new Map<string, Refusal>();
    const earlier = this.#accepted?.snapshot?.[refusal.kind].get(refusal.name);
    const isKnown = earlier !== undefined && earlier.version !== refusal.version;
    const kept = isKnown ? { ...refusal, hasEarlierForm: true } : refusal;
    this.#resources.set(refusal.kind, held.set(refusal.name, kept));
  }

  #heldOf(kind: Kind, wanted: Snapshot[Kind]): readonly Resource[] {
    const held = this.#resources.get(kind) ?? new Map<string, Refusal>();
    const all = new Map<string, Resource>(wanted);
    for (const [name, { version }] of [...held]) {
      if (wanted.get(name)?.version !== version) held.delete(name);
      else {
        const earlier = this.#accepted?.snapshot?.[kind].get(name);
        if (earlier !== undefined) all.set(name, earlier);
      }
    }
    return [...all.values()];
  }
}

/** Those that have routes at a listener. Routes of lanes are of all. */
function ofListener(objects: readonly OfObject[], listener: string): readonly OfObject[] {
  const own = objects.filter(({ routes }) => routes.some((each) => each.listener === listener));
  return own.length > 0 ? own : objects;
}

function untriedOf(object: OfObject): UntriedRoute {
  return { name: resourceName(object.ref), form: formOf(object) };
}

function formOf(object: OfObject | undefined): string {
  return JSON.stringify(object ?? null);
}
