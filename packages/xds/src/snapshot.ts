import { createHash } from "node:crypto";
import { type Kind, kinds } from "./kind.ts";

/** One resource as Envoy gets it. */
export interface Resource {
  readonly name: string;
  /** Hash of its content: equal content has an equal version, in every process. */
  readonly version: string;
  /** The encoded message. */
  readonly value: Uint8Array;
  /** Where a listener listens: no two can have the same address at once. */
  readonly address?: string;
}

/** All resources of a configuration, by kind and name. A kind that has not changed keeps its map: it is compared by identity. */
export type Snapshot = Readonly<Record<Kind, ReadonlyMap<string, Resource>>>;

/** A resource with the version of its content. */
export function createResource(name: string, value: Uint8Array, address?: string): Resource {
  const resource = { name, value, version: hashed(value) };
  return address === undefined ? resource : { ...resource, address };
}

/** Version of a set of resources: equal for equal names and contents, whatever their order. */
export function versionOf(resources: Iterable<Resource>): string {
  const lines = Array.from(resources, ({ name, version }) => `${name}\n${version}\n`);
  return hashed(lines.toSorted().join(""));
}

/** A snapshot without resources. */
export const emptySnapshot: Snapshot = {
  cds: new Map(),
  eds: new Map(),
  sds: new Map(),
  ecds: new Map(),
  lds: new Map(),
  rds: new Map(),
};

/** Creates a snapshot from resources by kind. A kind with the same resources as in `before` keeps its map. */
export function snapshotOf(
  resources: Readonly<Partial<Record<Kind, readonly Resource[]>>>,
  before: Snapshot = emptySnapshot,
): Snapshot {
  const made = kinds.map((kind) => {
    const given = resources[kind] ?? [];
    const held = before[kind];
    const isSame =
      held.size === given.length &&
      given.every(({ name, version }) => held.get(name)?.version === version);
    return [kind, isSame ? held : new Map(given.map((each) => [each.name, each]))] as const;
  });
  return Object.fromEntries(made) as Record<Kind, Snapshot[Kind]>;
}

/** 66 bits in 11 characters: a version is part of a head that must be short. */
function hashed(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("base64url").slice(0, 11);
}
