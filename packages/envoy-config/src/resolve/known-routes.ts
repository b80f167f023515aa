import { isDeepStrictEqual } from "node:util";
import type { Finding } from "../resources/recorder.ts";
import type { Report } from "../resources/report.ts";
import type { BackendRef, HttpRoute, MirrorFilter, RouteRule } from "../resources/resources.ts";
import type { Mirror } from "../topology.ts";
import type { MirrorResolver } from "./mirrors.ts";
import type { ResolvedPolicy } from "./policies.ts";
import type { PoolResolver, RoutedPool, Unresolved } from "./pools.ts";
import type { RankedRoute } from "./precedence.ts";
import type { RuleResolvers } from "./rule-shares.ts";

/** Resolves an HTTPRoute; these resolvers answer what it has to know of pools, mirrors and policies. */
export type Resolve = (
  from: HttpRoute,
  resolvers: RuleResolvers,
  report: Report,
) => readonly RankedRoute[];

/** HTTPRoutes as they were resolved before. */
export interface KnownRoutes {
  /** Like `resolve`. An HTTPRoute that is the same, and for which all that it refers to is, gives the same objects. */
  resolve(from: HttpRoute, resolvers: RuleResolvers, report: Report): readonly RankedRoute[];
}

/** What was asked while an HTTPRoute was resolved, and answered. */
type Question =
  | {
      readonly of: "pool";
      readonly ref: BackendRef;
      readonly namespace: string;
      readonly isServed: boolean;
      readonly answer: PoolAnswer;
    }
  | {
      readonly of: "policies";
      readonly rule: RouteRule;
      readonly answer: ReadonlyMap<MirrorFilter, ResolvedPolicy | "stopped">;
    };

/** All that a route may depend on of a pool. */
type PoolAnswer = Unresolved | (RoutedPool & { readonly keepsCredentials: boolean });

type MirrorOptions = MirrorResolver["options"];

interface KnownRoute {
  readonly mirrorOptions: MirrorOptions;
  readonly questions: readonly Question[];
  readonly findings: readonly Finding[];
  readonly mirrors: readonly Mirror[];
  readonly routes: readonly RankedRoute[];
}

export function createKnownRoutes(resolve: Resolve): KnownRoutes {
  const known = new WeakMap<HttpRoute, KnownRoute>();
  let options: { readonly given: MirrorOptions; readonly kept: MirrorOptions } | undefined;
  /** Returns the same object while they are equal: each resolution has its own. */
  const keptOptions = (given: MirrorOptions) => {
    if (options?.given === given) return options.kept;
    const kept =
      options !== undefined && isDeepStrictEqual(options.kept, given) ? options.kept : given;
    options = { given, kept };
    return kept;
  };
  return {
    resolve(from, resolvers, report) {
      const mirrorOptions = keptOptions(resolvers.mirrors.options);
      const held = known.get(from);
      const isWithSame = held?.mirrorOptions === mirrorOptions;
      const pools = isWithSame ? servedPools(held, from, resolvers) : undefined;
      if (held !== undefined && pools !== undefined) {
        for (const pool of pools) resolvers.pools.serve(pool);
        for (const mirror of held.mirrors) resolvers.mirrors.keep(mirror);
        for (const finding of held.findings) report(...finding);
        return held.routes;
      }
      const made = { ...recorded(resolve, from, resolvers), mirrorOptions };
      known.set(from, made);
      for (const finding of made.findings) report(...finding);
      return made.routes;
    },
  };
}

/** Asks again, in the same order. Returns the pools that the route serves; undefined at the first other answer. */
function servedPools(
  { questions }: KnownRoute,
  from: HttpRoute,
  { pools, policies }: RuleResolvers,
): readonly RoutedPool[] | undefined {
  const served: RoutedPool[] = [];
  for (const each of questions) {
    if (each.of === "policies") {
      if (!isDeepStrictEqual(policies(from, each.rule), each.answer)) return undefined;
      continue;
    }
    const found = pools.check(each.ref, each.namespace);
    if (!isSameAnswer(each.answer, found, pools)) return undefined;
    if (each.isServed && found.kind !== "unresolved") served.push(found);
  }
  return served;
}

function isSameAnswer(
  before: PoolAnswer,
  found: RoutedPool | Unresolved,
  pools: PoolResolver,
): boolean {
  if (before.kind === "unresolved" || found.kind === "unresolved") {
    return (
      before.kind === "unresolved" &&
      found.kind === "unresolved" &&
      before.reason === found.reason &&
      before.message === found.message
    );
  }
  return (
    before.name === found.name &&
    before.kind === found.kind &&
    before.picker === found.picker &&
    before.keepsCredentials === pools.keepsCredentials(found)
  );
}

/** Resolves a route, and notes what it asks. */
function recorded(
  resolve: Resolve,
  from: HttpRoute,
  resolvers: RuleResolvers,
): Omit<KnownRoute, "mirrorOptions"> {
  const questions: Question[] = [];
  const findings: Finding[] = [];
  const names: string[] = [];
  const { pools, mirrors } = resolvers;
  const ask =
    (isServed: boolean) =>
    (ref: BackendRef, namespace: string): RoutedPool | Unresolved => {
      const found = isServed ? pools.resolve(ref, namespace) : pools.check(ref, namespace);
      const answer = answerOf(found, pools);
      questions.push({ of: "pool", ref, namespace, isServed, answer });
      return found;
    };
  const routes = resolve(
    from,
    {
      pools: { ...pools, resolve: ask(true), check: ask(false) },
      policies(route, rule) {
        const answer = resolvers.policies(route, rule);
        questions.push({ of: "policies", rule, answer });
        return answer;
      },
      mirrors: {
        ...mirrors,
        resolve(filters) {
          const resolved = mirrors.resolve(filters);
          names.push(...resolved.mirrors);
          return resolved;
        },
      },
    },
    (...finding) => void findings.push(finding),
  );
  return {
    ...{ questions, findings, routes },
    mirrors: names.flatMap((name) => mirrors.byName.get(name) ?? []),
  };
}

function answerOf(found: RoutedPool | Unresolved, pools: PoolResolver): PoolAnswer {
  if (found.kind === "unresolved") return found;
  const { name, kind, namespace, resourceName, picker } = found;
  const keepsCredentials = pools.keepsCredentials(found);
  return { name, kind, namespace, resourceName, picker, keepsCredentials };
}
