import type { Listener, VirtualHost } from "../topology.ts";
import { Finished } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";
import { type PlainMap, plainOf } from "./plain.ts";
import { type KnownNames, virtualHost } from "./route.ts";

/** A virtual host with everything that its form depends on. */
interface RenderedHost {
  readonly settings: string;
  /** What was looked up, and found. */
  readonly reads: readonly Read[];
  readonly plain: PlainMap;
}

interface Read {
  readonly from: "pools" | "mirrors";
  readonly name: string;
  readonly found: object | undefined;
}

const rendered = new WeakMap<VirtualHost, RenderedHost>();

/**
 * Returns a function that renders virtual hosts of a listener. One that has not changed since the last call, with pools
 * and mirrors that have not, is the same object again: a listener has thousands, of which a change touches one.
 */
export function createHostRenderer(
  listener: Listener,
  known: KnownNames,
  options: BootstrapOptions,
): (host: VirtualHost) => Finished {
  const { port, tls } = listener;
  const { certificates: _, ...given } = options;
  const settings = JSON.stringify([port, tls === undefined, known.underscores, given]);
  return (host) => {
    const held = rendered.get(host);
    if (held?.settings === settings && held.reads.every((each) => isCurrent(each, known))) {
      return new Finished(held.plain);
    }
    const reads: Read[] = [];
    const observed = {
      ...known,
      pools: observedMap(known.pools, (name, found) => reads.push({ from: "pools", name, found })),
      mirrors: observedMap(known.mirrors, (name, found) =>
        reads.push({ from: "mirrors", name, found }),
      ),
    };
    const plain = plainOf(virtualHost(host, listener, observed, options));
    rendered.set(host, { settings, reads, plain });
    return new Finished(plain);
  };
}

function isCurrent({ from, name, found }: Read, known: KnownNames): boolean {
  return known[from].get(name) === found;
}

function observedMap<T extends object>(
  map: Pick<ReadonlyMap<string, T>, "get">,
  onRead: (name: string, found: T | undefined) => void,
): Pick<ReadonlyMap<string, T>, "get"> {
  return {
    get(name) {
      const found = map.get(name);
      onRead(name, found);
      return found;
    },
  };
}
