import type { Offer } from "./channel.ts";
import { type Kind, kinds } from "./kind.ts";
import { emptySnapshot, type Resource, type Snapshot } from "./snapshot.ts";

type View = ReadonlyMap<string, Resource>;

/** What a client is to have at this moment, on its way from one snapshot to the next. */
type Views = Readonly<Record<Kind, View>>;

/** What a rollout has to know of the client. */
export interface RolloutClient {
  /** True where the client has everything of the kind that is offered. */
  isSettled(kind: Kind): boolean;
  /** True where no cluster waits for its endpoints any more. */
  isWarm(): boolean;
  /** True where the client keeps an older form of a listener or of routes, as it has refused the newest. */
  keepsOlderRoutes(): boolean;
}

/**
 * Leads one client from snapshot to snapshot, so that no route ever names a cluster, and no listener a filter, that the
 * client does not have: additions and changes first, in the order of `kinds`, each step after the reply to the one before;
 * removals last, in the opposite order. Envoy refuses two listeners on one address, so there are two exceptions: a
 * listener is removed when another one takes its address, and one that moves is removed first if another one takes its old address.
 *
 * Endpoints alone do not wait: a change of them goes out at once, in the middle of a rollout too.
 */
export class Rollout {
  #views: Views = emptySnapshot;
  /** What is being rolled out, or has been. */
  #target: Snapshot | undefined;
  #goal: Snapshot | undefined;
  /** Index of the step that has been taken last; `steps.length` when all have. */
  #step = steps.length;
  /** True: the last step is left out, and what older routes name stays. */
  #isKept = false;
  /** How often a newer snapshot has taken the place of one that was not rolled out to its end, in a row. */
  #restarts = 0;
  readonly #reached = new Set<Kind>();
  readonly #offers = new Map<Kind, Offer>();

  /** True where the newest snapshot is what the client is to have. */
  get isDone(): boolean {
    return this.#step === steps.length && this.#target === this.#goal;
  }

  /** Undefined while nothing may be sent of a kind: there is no snapshot yet, or its turn has not come. */
  offer(kind: Kind): Offer | undefined {
    return this.#offers.get(kind);
  }

  /** The newest snapshot. It is begun when the client has replied to the step under way. */
  aimAt(goal: Snapshot): void {
    this.#goal = goal;
    this.#show({ eds: refreshed(this.#views.eds, goal.eds) });
  }

  /** Takes the next step if the client has replied to the one before. Returns false where nothing has changed. */
  advance(client: RolloutClient): boolean {
    const [goal, step] = [this.#goal, steps[this.#step]];
    if (goal === undefined) return false;
    if (this.#target === undefined) return this.#begin(goal);
    if (this.#target !== goal && namesSame(this.#target, goal)) return this.#follow(goal);
    const isNewer = this.#target !== goal;
    if (step === undefined) {
      this.#restarts = 0;
      return isNewer && this.#begin(goal);
    }
    if (!step.waitsFor.every((kind) => client.isSettled(kind))) return false;
    const isReady = this.#step > 0 || client.isWarm();
    // Changes that never end must not keep a client at the first steps for ever.
    if (isNewer && (!isReady || this.#restarts < maxRestarts)) {
      this.#restarts++;
      return this.#begin(goal);
    }
    if (!isReady) return false;
    const next = this.#nextStep(this.#target);
    // Older routes may name clusters that the newest do not: those stay until the newest are accepted.
    this.#isKept = next === clusterRemoval && client.keepsOlderRoutes();
    this.#take(this.#isKept ? steps.length : next, this.#target);
    return true;
  }

  #nextStep({ lds }: Snapshot): number {
    const next = this.#step + 1;
    const isNeedless = next === unblocking && blockedNames(lds, this.#views.lds).size === 0;
    return isNeedless ? next + 1 : next;
  }

  #begin(goal: Snapshot): boolean {
    this.#target = goal;
    this.#isKept = false;
    this.#take(0, goal);
    return true;
  }

  /** Continues with other endpoints and certificates: they name nothing, and may change at any time. */
  #follow(goal: Snapshot): boolean {
    this.#target = goal;
    const { eds, sds } = this.#views;
    this.#show({
      eds: this.#mayRemove("eds") ? goal.eds : united(goal.eds, eds),
      sds: this.#mayRemove("sds") ? goal.sds : united(goal.sds, sds),
    });
    return true;
  }

  #mayRemove(kind: Kind): boolean {
    const from = firstRemoval[kind];
    return this.#step >= from && !(this.#isKept && from === clusterRemoval);
  }

  #take(index: number, target: Snapshot): void {
    this.#step = index;
    const views = steps[index]?.offer(target, this.#views) ?? {};
    for (const kind of kinds) if (views[kind] !== undefined) this.#reached.add(kind);
    const { eds = this.#views.eds } = views;
    // The newest endpoints may be out already.
    this.#show({ ...views, eds: refreshed(eds, this.#goal?.eds ?? eds) });
  }

  /** An offer that stays as it is keeps its identity. */
  #show(changed: Partial<Views>): void {
    this.#views = { ...this.#views, ...changed };
    for (const kind of this.#reached) {
      const resources = this.#views[kind];
      const mayRemove = this.#mayRemove(kind);
      const held = this.#offers.get(kind);
      if (held?.resources === resources && held.mayRemove === mayRemove) continue;
      this.#offers.set(kind, { resources, mayRemove });
    }
  }
}

const maxRestarts = 3;

interface Step {
  /** The new views of some kinds. */
  readonly offer: (target: Snapshot, views: Views) => Partial<Views>;
  readonly waitsFor: readonly Kind[];
}

const steps: readonly Step[] = [
  {
    offer: (target, views) => ({
      cds: united(target.cds, views.cds),
      eds: united(target.eds, views.eds),
      sds: united(target.sds, views.sds),
    }),
    waitsFor: ["cds", "eds", "sds"],
  },
  {
    offer: (target, views) => ({ ecds: united(target.ecds, views.ecds) }),
    waitsFor: ["ecds"],
  },
  {
    offer: ({ lds }, views) => {
      const blocked = blockedNames(lds, views.lds);
      const [next, held] = [without(blocked, lds), without(blocked, views.lds)];
      return { lds: united(next, withoutTaken(held, lds)) };
    },
    waitsFor: ["lds"],
  },
  {
    // A new listener asks for its routes at once, and may have them: all clusters are there.
    offer: (target, views) => ({
      lds: united(target.lds, withoutTaken(views.lds, target.lds)),
      rds: united(views.rds, target.rds),
    }),
    waitsFor: ["lds"],
  },
  {
    offer: (target, views) => ({ rds: united(target.rds, views.rds) }),
    waitsFor: ["rds"],
  },
  {
    offer: ({ lds, rds }) => ({ lds, rds }),
    waitsFor: ["lds", "rds"],
  },
  {
    offer: ({ cds, eds, sds, ecds }) => ({ cds, eds, sds, ecds }),
    waitsFor: ["cds", "eds", "sds", "ecds"],
  },
];

/** Taken only where a listener takes the address of another one that moves. */
const unblocking = 2;
const clusterRemoval = 6;

/** The step from which on a kind may lose resources: routes and listeners before what they name. Most listeners go with routes. */
const firstRemoval: Readonly<Record<Kind, number>> = {
  ...{ lds: unblocking, rds: 5 },
  ...{ cds: clusterRemoval, eds: clusterRemoval, sds: clusterRemoval, ecds: clusterRemoval },
};

/** True where two snapshots differ in nothing but endpoints and certificates. */
function namesSame(first: Snapshot, second: Snapshot): boolean {
  return kinds.every((kind) => kind === "eds" || kind === "sds" || first[kind] === second[kind]);
}

/** All of `first`, and what only `second` has. */
function united(first: View, second: View): View {
  const rest = [...second].filter(([name]) => !first.has(name));
  return rest.length === 0 ? first : new Map([...first, ...rest]);
}

/** Listeners that take the address of another one, which moves, and that one: it has its address until it is gone. */
function blockedNames(next: View, held: View): ReadonlySet<string> {
  const owners = new Map([...held].map(([name, { address }]) => [address, name]));
  const pairs = [...next.values()].flatMap(({ name, address }) => {
    const owner = address === undefined ? name : (owners.get(address) ?? name);
    return owner !== name && next.has(owner) ? [name, owner] : [];
  });
  return new Set(pairs);
}

function without(names: ReadonlySet<string>, view: View): View {
  return new Map([...view].filter(([name]) => !names.has(name)));
}

/** Listeners whose address no listener of another name has in `next`. */
function withoutTaken(view: View, next: View): View {
  const owners = new Map([...next].map(([name, { address }]) => [address, name]));
  const left = [...view].filter(([name, { address }]) => {
    return address === undefined || (owners.get(address) ?? name) === name;
  });
  return left.length === view.size ? view : new Map(left);
}

/** The same names, with what `newest` has of them. */
function refreshed(view: View, newest: View): View {
  const isFresh = [...view].every(([name, each]) => (newest.get(name) ?? each) === each);
  if (isFresh) return view;
  return new Map([...view].map(([name, each]) => [name, newest.get(name) ?? each]));
}
