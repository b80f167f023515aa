import { conditionOf } from "../conditions.ts";
import { defaultRemovedHeaders, plainMirrorSettings } from "../mirror-policy.ts";
import { mirrorName } from "../names.ts";
import type { Report } from "../resources/report.ts";
import type { HttpRoute, MirrorFilter } from "../resources/resources.ts";
import type { Mirror, MirrorOrigin } from "../topology.ts";
import type { ResolvedPolicy } from "./policies.ts";
import type { PoolResolver } from "./pools.ts";

/** The RequestMirror filters of one rule, or of one of its backends. */
export interface MirrorFilters {
  readonly filters: readonly MirrorFilter[];
  readonly route: HttpRoute;
  readonly origin: Omit<MirrorOrigin, "filter">;
  readonly policies: ReadonlyMap<MirrorFilter, ResolvedPolicy | "stopped">;
  readonly pools: PoolResolver;
  readonly report: Report;
  /** Subject and verb of the message for `--strict`, such as `the rule answers`. */
  readonly whose: string;
}

export interface ResolvedMirrors {
  /** Their names. */
  readonly mirrors: readonly string[];
  /** The reason for not serving, if any. */
  readonly failed?: { readonly reason: string; readonly message: string };
}

export interface MirrorOptions {
  /** True: a rule with an unresolved mirror answers 500. */
  readonly isStrict: boolean;
  /** Timeout of a twin without a ShadowPolicy, in ms. */
  readonly plainTimeoutMs: number;
}

/** Creates the mirrors of rules and stores them by name. */
export interface MirrorResolver {
  resolve(from: MirrorFilters): ResolvedMirrors;
  /** Takes a mirror that was created before, by a resolver with the same options. */
  keep(mirror: Mirror): void;
  readonly options: MirrorOptions;
  /** All mirrors created so far. */
  readonly byName: ReadonlyMap<string, Mirror>;
}

export function createMirrorResolver(options: MirrorOptions): MirrorResolver {
  const { isStrict, plainTimeoutMs } = options;
  const byName = new Map<string, Mirror>();

  /** Undefined: the filter or its policy has an error. */
  function mirrorOf(filter: MirrorFilter, origin: MirrorOrigin, from: MirrorFilters) {
    const { pools } = from;
    const policy = from.policies.get(filter);
    if (filter.isBroken || policy === "stopped") {
      if (filter.backend.name !== "") pools.check(filter.backend, from.route.namespace);
      return undefined;
    }
    const pool = pools.resolve(filter.backend, from.route.namespace);
    if (pool.kind === "unresolved") {
      const { reason, message } = pool;
      return reason === "NotServed" ? undefined : { reason, message };
    }
    const removed = pools.keepsCredentials(pool) ? [] : defaultRemovedHeaders;
    const { settings, perMillion } = policy ?? {
      settings: plainMirrorSettings(removed, plainTimeoutMs),
      perMillion: filter.perMillion,
    };
    const name = mirrorName(origin);
    byName.set(name, {
      ...{ name, origin, pool: pool.name, perMillion },
      // The pick mode is only known after all routes are resolved.
      pickMode: "buffered",
      ...settings,
    });
    return name;
  }

  return {
    ...{ byName, options },
    keep: (mirror) => void byName.set(mirror.name, mirror),
    resolve(from) {
      let failed: ResolvedMirrors["failed"];
      const mirrors = from.filters.flatMap((filter, index) => {
        const made = mirrorOf(filter, { ...from.origin, filter: index }, from);
        if (made === undefined) return [];
        if (typeof made === "string") return [made];
        const { reason, message } = made;
        const what = isStrict
          ? `${from.whose} 500 because of --strict: ${message}`
          : `the mirror is ignored and the rule still serves: ${message}`;
        from.report("warning", "UMB0204", filter.backend.place, what, {
          condition: conditionOf({ kind: "HTTPRoute", ...from.route }, "ResolvedRefs", reason),
        });
        if (isStrict) failed ??= { reason, message };
        return [];
      });
      return failed === undefined ? { mirrors } : { mirrors: [], failed };
    },
  };
}
