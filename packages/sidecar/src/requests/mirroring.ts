import type { HeaderEntry, Mirror } from "@umbra/envoy-config";
import type { ComparisonSettings } from "../answers/comparison-messages.ts";
import { pseudonym } from "../mirror/keyed-hash.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { RequestView } from "../mirror/request-view.ts";
import type { Unmirrored } from "./live-request.ts";

/** The mirrors of a request, and what is measured. */
export interface Mirroring {
  /** Headers of the pick's answer; each makes Envoy send a twin. */
  readonly headers: readonly HeaderEntry[];
  /** Mirrors that get a twin. */
  readonly twins: readonly string[];
  /** Those of them that are evaluated. */
  readonly mirrors: readonly string[];
  readonly unmirrored: readonly Unmirrored[];
  readonly session: string | undefined;
  /** True if its answer is measured through an observe stream. */
  readonly isMeasured: boolean;
  /** Those of the evaluated mirrors whose answers are compared. */
  readonly compared: readonly string[];
  /** How; undefined if none is. */
  readonly comparison: ComparisonSettings | undefined;
  /** False if no judge is asked about any of them. */
  readonly isJudged: boolean;
}

export interface MirroringOptions {
  readonly registry: MirrorRegistry;
  /** Key of hashes that leave this process. */
  readonly secret: string;
  /** 0 to 1 */
  readonly random: () => number;
  /** False if no judge will be asked about the mirror's pairs. */
  readonly asksJudge: (mirror: Mirror) => boolean;
  /** Called for drops of requests that are not measured, so that they are counted anyway. */
  readonly onDropped: (requestId: string, bodyBytes: number, unmirrored: Unmirrored) => void;
}

export const notMirrored: Mirroring = {
  headers: [],
  twins: [],
  mirrors: [],
  unmirrored: [],
  session: undefined,
  isMeasured: false,
  compared: [],
  comparison: undefined,
  isJudged: false,
};

/** Paths of requests whose answers are measured. */
const measuredPaths: ReadonlySet<string> = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/messages",
]);

/** True if answers to such requests can be measured. */
export function isMeasurable(method: string, path: string): boolean {
  return method === "POST" && measuredPaths.has(path);
}

/** Decides for every mirror of a route. `names` comes from the stream's metadata. */
export function decideMirroring(
  names: string,
  request: RequestView,
  { registry, secret, random, asksJudge, onDropped }: MirroringOptions,
): Mirroring {
  const gated = registry.of(names);
  if (gated.length === 0) return notMirrored;
  const headers: HeaderEntry[] = [];
  const twins: string[] = [];
  const mirrors: string[] = [];
  const unmirrored: Unmirrored[] = [];
  let session: string | undefined;
  let measuredPercent = 0;
  const compared: string[] = [];
  let settings: ComparisonSettings | undefined;
  let isJudged = false;
  for (const { mirror, gate, header, isEvaluated, comparison } of gated) {
    const decision = gate.decide(request);
    if (decision.kind === "ineligible") continue;
    session ??= decision.session;
    if (decision.kind === "mirrored") {
      headers.push(header);
      twins.push(mirror.name);
    }
    if (!isEvaluated) continue;
    if (decision.kind === "mirrored") {
      mirrors.push(mirror.name);
      if (comparison === undefined) continue;
      compared.push(mirror.name);
      // The answer of the primary is collected once, so the first mirror decides how.
      settings ??= comparison;
      isJudged ||= comparison.judged !== undefined && asksJudge(gate.mirror);
    } else {
      unmirrored.push({ mirror: mirror.name, drop: decision.drop, gate });
      measuredPercent = Math.max(measuredPercent, gate.mirror.evaluation.observeUnmirroredPercent);
    }
  }
  if (!isMeasurable(request.method, request.path)) return { ...notMirrored, headers, twins };
  const isMeasured =
    mirrors.length > 0 || (measuredPercent > 0 && random() * 100 < measuredPercent);
  if (!isMeasured) {
    for (const each of unmirrored) {
      if (each.drop !== undefined) onDropped(request.requestId, request.body.length, each);
    }
  }
  const hashed = session === undefined ? undefined : pseudonym(secret, session);
  return {
    ...{ headers, twins, mirrors, unmirrored, session: hashed, isMeasured, compared },
    ...{ comparison: settings, isJudged },
  };
}
