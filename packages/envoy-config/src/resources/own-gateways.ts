import { byResource } from "../resource-map.ts";
import type { Step } from "./recorder.ts";
import type { GatewayClass, HttpRoute, ParentRef, Resources } from "./resources.ts";

/** `controllerName` of the GatewayClasses whose Gateways Umbra serves. */
export const controllerName = "umbra.dev/gateway";

/** Which Gateways are served. */
export interface GatewayChoice {
  /** Only the Gateways of the GatewayClass with this name, whatever its `controllerName`. */
  readonly gatewayClass?: string;
  /**
   * True: only the Gateways whose class has Umbra's `controllerName`, as in a cluster, where others are of other
   * controllers. When absent or false, so if there is such a class; without one, every Gateway is served.
   */
  readonly hasOnlyOwnGateways?: boolean;
}

/** True if Gateways are chosen by their class: then they have their own addresses, and others may exist. */
export function isChosenByClass(
  { gatewayClass, hasOnlyOwnGateways = false }: GatewayChoice,
  classes: readonly Pick<GatewayClass, "controllerName">[],
): boolean {
  return gatewayClass !== undefined || hasOnlyOwnGateways || classes.some(isOwn);
}

/** What belongs to other controllers. */
export interface OfOthers {
  /** What was read of their Gateways and classes, and of routes that are attached only to such Gateways. */
  readonly steps: ReadonlySet<Step>;
  /** Returns routes without their parentRefs to such Gateways. */
  detach(routes: readonly HttpRoute[]): readonly HttpRoute[];
}

/** Finds what belongs to other controllers, which is ignored: whether it is right is their business. */
export function findOthers(steps: readonly Step[], choice: GatewayChoice): OfOthers {
  const classes = objectsIn(steps, "gatewayClasses");
  if (!isChosenByClass(choice, [...classes.values()])) return nothing;
  const own = new Set(
    choice.gatewayClass === undefined
      ? [...classes.values()].filter(isOwn).map(({ name }) => name)
      : [choice.gatewayClass],
  );
  const gateways = [...objectsIn(steps, "gateways")].filter(([, each]) => !own.has(each.className));
  const others = byResource(gateways.map(([, gateway]) => gateway));
  const isOther = (parent: ParentRef) => others.has(parent);
  const ofOthers = [
    ...[...classes].filter(([, { name }]) => !own.has(name)),
    ...gateways,
    ...[...objectsIn(steps, "routes")].filter(
      ([, { parents }]) => parents.length > 0 && parents.every(isOther),
    ),
  ];
  return {
    steps: new Set(ofOthers.map(([step]) => step)),
    detach: (routes) =>
      routes.map((route) =>
        withParents(
          route,
          route.parents.filter((parent) => !isOther(parent)),
        ),
      ),
  };
}

/** What routes were without some of their parents: a route that is the same object is resolved only once. */
const detached = new WeakMap<HttpRoute, HttpRoute>();

/** Returns the route with some of its own parents: the same object as before if they are the same. */
function withParents(route: HttpRoute, parents: readonly ParentRef[]): HttpRoute {
  if (parents.length === route.parents.length) return route;
  const known = detached.get(route);
  if (known !== undefined && isSameList(known.parents, parents)) return known;
  const made = { ...route, parents };
  detached.set(route, made);
  return made;
}

function isSameList(before: readonly unknown[], after: readonly unknown[]): boolean {
  return before.length === after.length && before.every((each, at) => each === after[at]);
}

const nothing: OfOthers = { steps: new Set(), detach: (routes) => routes };

function isOwn(each: Pick<GatewayClass, "controllerName">): boolean {
  return each.controllerName === controllerName;
}

/** Objects of one kind, by what was read of them. */
function objectsIn<K extends keyof Resources>(
  steps: readonly Step[],
  list: K,
): ReadonlyMap<Step, Resources[K][number]> {
  const objects = new Map<Step, Resources[K][number]>();
  for (const step of steps) {
    for (const [name, found] of step.resources) {
      const [object] = found as readonly Resources[K][number][];
      if (name === list && object !== undefined) objects.set(step, object);
    }
  }
  return objects;
}
