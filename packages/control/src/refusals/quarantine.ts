import { type ResourceRef, resourceName, type Topology } from "@umbra/envoy-config";
import { type Kind, kinds, type Resource, type Snapshot, snapshotOf } from "@umbra/xds";
import { type OfObject, routesByObject } from "../routes-by-object.ts";
import { withHeldRoutes } from "./held-routes.ts";
import type { Refusal } from "./refusal.ts";

/** An HTTPRoute that Envoy refuses. */
export interface RefusedRoute {
  readonly ref: ResourceRef;
  /** Its refused form. */
  readonly form: string;
  readonly message: string;
  /** False: Envoy has never accepted a form of it, so it is not served at all. */
  readonly hasEarlier: boolean;
}

/** An HTTPRoute by name, in the form that must be tried. */
interface UntriedRoute {
  readonly name: string;
  readonly form: string;
}

interface Published {
  readonly generation: number;
  readonly topology: Topology;
  readonly snapshot: Snapshot | undefined;
}

/**
 * Keeps what Envoy refuses in the form that it accepted last, so that everything else moves on. Of routes Envoy says
 * only that one of many is bad, so those that have changed are tried in ever smaller groups until the bad one is found.
 * What is held is tried again when its content changes.
 */
export class Quarantine {
  /** HTTPRoutes that Envoy refuses, by name. */
  readonly #refused = new Map<string, RefusedRoute>();
  /** Groups of HTTPRoutes that must be tried, one group after the other. */
  #untried: (readonly UntriedRoute[])[] = [];
  readonly #resources = new Map<Kind, Map<string, Refusal>>();
  #published: Published | undefined;
  #accepted: Omit<Published, "generation"> | undefined;

  /** Envoy has accepted this topology before this process or thread began. */
  assumeAccepted(topology: Topology): void {
    this.#accepted = { topology, snapshot: undefined };
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
    if (this.#refused.size === 0 && this.#untried.length === 0) return wanted;
    const forms = routesByObject(wanted);
    for (const [name, { form }] of [...this.#refused]) {
      if (formOf(forms.get(name)) !== form) this.#refused.delete(name);
    }
    const isStillWanted = ({ name, form }: UntriedRoute) => formOf(forms.get(name)) === form;
    this.#untried = this.#untried
      .map((group) => group.filter(isStillWanted))
      .filter(({ length }) => length > 0);
    const untried = this.#untried.flat().map(({ name }) => name);
    const held = new Set([...this.#refused.keys(), ...untried]);
    return withHeldRoutes(wanted, held, this.#accepted?.topology);
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
    const suspects = kind === "rds" ? this.#suspects(published.topology, name) : [];
    if (suspects.length === 0) return this.#holdResource(refusal);
    if (suspects.length === 1) this.#blame(suspects, refusal.message);
    else {
      const each = suspects.map((of) => ({ name: resourceName(of.ref), form: formOf(of) }));
      const half = Math.ceil(each.length / 2);
      this.#untried = [each.slice(0, half), each.slice(half), ...this.#untried];
    }
    return true;
  }

  /** Every Envoy has all routes of a generation. Returns true if there is another configuration to try. */
  accepted(generation: number): boolean {
    const published = this.#published;
    if (published?.generation !== generation) return false;
    const { topology, snapshot } = published;
    this.#accepted = { topology, snapshot: snapshot && this.#withoutRefused(snapshot) };
    return this.#untried.shift() !== undefined;
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
    if (this.#accepted === undefined) return [];
    const earlier = routesByObject(this.#accepted.topology);
    const changed = [...routesByObject(published)].filter(
      ([name, each]) => formOf(each) !== formOf(earlier.get(name)),
    );
    const own = changed.filter(([, { routes }]) =>
      routes.some((each) => each.listener === listener),
    );
    return (own.length > 0 ? own : changed).map(([, each]) => each);
  }

  #blame(objects: readonly OfObject[], message: string): void {
    const earlier = this.#accepted && routesByObject(this.#accepted.topology);
    for (const object of objects) {
      const name = resourceName(object.ref);
      const hasEarlier = earlier?.has(name) === true;
      this.#refused.set(name, { ref: object.ref, form: formOf(object), message, hasEarlier });
    }
  }

  /** Without an accepted form nothing can replace it: Envoy keeps what it has. */
  #holdResource(refusal: Refusal): boolean {
    const held = this.#resources.get(refusal.kind) ?? new Map<string, Refusal>();
    this.#resources.set(refusal.kind, held.set(refusal.name, refusal));
    return true;
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

function formOf(object: OfObject | undefined): string {
  return JSON.stringify(object ?? null);
}
