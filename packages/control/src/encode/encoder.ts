import type { DynamicResources } from "@umbra/envoy-config";
import {
  createRouteEncoder,
  type EncodeRoutes,
  EncodingError,
  encodeResource,
  type Kind,
  kinds,
  type Resource,
  type Snapshot,
  snapshotOf,
} from "@umbra/xds";

export interface Encoded {
  readonly snapshot: Snapshot;
  /** Resources that Envoy's own definition refuses. Their last form is kept, or they are left out. */
  readonly errors: readonly EncodingError[];
}

/** Encodes what has changed since the last call. A kind without changes keeps its map. */
export type Encode = (resources: DynamicResources) => Encoded;

interface Form {
  /** What it was encoded from; absent for routes. */
  readonly plain?: unknown;
  readonly json?: string;
  readonly resource: Resource | undefined;
  readonly error: EncodingError | undefined;
  /** For routes: keeps the virtual hosts that it has encoded. */
  readonly encodeRoutes?: EncodeRoutes;
}

export function createEncoder(): Encode {
  const known = new Map<Kind, ReadonlyMap<string, Form>>();
  let before: Snapshot | undefined;
  return (resources) => {
    const forms = kinds.map((kind) => {
      const given: ReadonlyMap<string, unknown> = resources[kind];
      const held = known.get(kind);
      const next = new Map(
        [...given].map(([name, plain]) => [name, formOf(kind, name, plain, held?.get(name))]),
      );
      known.set(kind, next);
      return [kind, [...next.values()]] as const;
    });
    const made = forms.map(([kind, each]) => [
      kind,
      each.flatMap(({ resource }) => resource ?? []),
    ]);
    before = snapshotOf(Object.fromEntries(made) as Record<Kind, Resource[]>, before);
    const errors = forms.flatMap(([, each]) => each.flatMap(({ error }) => error ?? []));
    return { snapshot: before, errors };
  };
}

function formOf(kind: Kind, name: string, plain: unknown, held: Form | undefined): Form {
  if (kind === "rds") return routesForm(name, plain, held);
  if (held !== undefined && held.plain === plain) return held;
  const json = JSON.stringify(plain);
  if (held?.json === json) return { ...held, plain };
  return { ...formBy(() => encodeResource(kind, name, plain), held), plain, json };
}

/** Of routes, only the virtual hosts that have changed are encoded: to compare all of them takes longer. */
function routesForm(name: string, plain: unknown, held: Form | undefined): Form {
  const encodeRoutes = held?.encodeRoutes ?? createRouteEncoder();
  return { ...formBy(() => encodeRoutes(name, plain), held), encodeRoutes };
}

function formBy(encode: () => Resource, held: Form | undefined): Pick<Form, "resource" | "error"> {
  try {
    return { resource: encode(), error: undefined };
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    return { resource: held?.resource, error };
  }
}
