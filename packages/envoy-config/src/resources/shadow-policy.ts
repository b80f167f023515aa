import { defined } from "@umbra/shadow/defined";
import { evaluationConfig, gateIds, outputGateIds, sloPresets } from "@umbra/shadow/evaluation";
import { reachProblems } from "@umbra/shadow/reach";
import {
  budgetFor,
  defaultBudget,
  defaultEvaluation,
  defaultPaths,
  defaultRemovedHeaders,
  defaultRequestTimeoutMs,
  defaultSampling,
  type EvaluationPolicy,
  type LanePrice,
  type MirrorBudget,
  type MirrorHeaders,
  type MirrorPolicy,
  type MirrorRewrite,
  type MirrorSampling,
  type SessionKey,
} from "../mirror-policy.ts";
import { didYouMean } from "../nearest.ts";
import { reportAgreement } from "./agreement-checks.ts";
import { durationMs, durationsMs } from "./duration.ts";
import { framesMessages, isHeaderName } from "./header-name.ts";
import type { Meta } from "./meta.ts";
import { readObjectRef } from "./object-ref.ts";
import { readOutputs } from "./outputs-policy.ts";
import type { Reader } from "./reader.ts";
import type { PolicyCandidate, PolicyTarget, ShadowPolicy } from "./resources.ts";

/** Reads a `umbra.dev/v1alpha1` ShadowPolicy. Every field except `targetRefs` has a default. */
export function readShadowPolicy(meta: Meta, spec: Reader): ShadowPolicy {
  const targets = spec.soundParts("targetRefs", targetRef);
  spec.needs("targetRefs");
  const candidates = spec.each("candidates", (each) => candidate(each, meta.namespace));
  const sampling = spec.map("sampling");
  const evaluation =
    spec.inner("evaluation", (each) => readEvaluation(each, meta.namespace)) ?? defaultEvaluation;
  const budget = readBudget(spec.map("budget"), evaluation);
  reportReach(spec, evaluation, budget.budget);
  reportAgreement(spec, evaluation, candidates);
  return {
    ...meta,
    targets,
    candidates: spec.has("candidates") ? candidates : undefined,
    percent: sampling?.number("percent", 0, 100),
    sampling: sampling?.whole(readSampling) ?? defaultSampling,
    eligible: spec.inner("eligible", readEligible) ?? { paths: defaultPaths, headers: [] },
    ...readRewrite(spec.map("rewrite")),
    ...budget,
    evaluation,
  };
}

function targetRef(from: Reader): PolicyTarget | undefined {
  const kind = from.string("kind") ?? "HTTPRoute";
  const ref = readObjectRef(from, kind);
  const sectionName = from.string("sectionName");
  if (kind === "HTTPRoute") return ref && { ...ref, sectionName };
  const message = "`kind` must be HTTPRoute, because only HTTPRoutes have mirrors";
  from.wrong(message, "kind", "target an HTTPRoute with a RequestMirror filter");
  return undefined;
}

function candidate(from: Reader, namespace: string): PolicyCandidate | undefined {
  from.needs("backendRef");
  const role = from.oneOf("role", ["candidate", "control"]) ?? "candidate";
  const percent = from.number("percent", 0.1, 100);
  if (percent !== undefined && role !== "control") {
    const remedy = "set `role: control`, or use `sampling.percent` for all mirrors";
    from.wrong("`percent` is only for a control", "percent", remedy);
  }
  return from.inner("backendRef", (each) => {
    const ref = readObjectRef(each, each.string("kind") ?? "InferencePool");
    const backend = {
      namespace: each.string("namespace") ?? namespace,
      port: each.integer("port", 1, 65_535),
    };
    return ref && { ...ref, ...backend, role, percent };
  });
}

function readSampling(from: Reader): MirrorSampling {
  const by = from.oneOf("by", ["request", "session"]) ?? "request";
  const sessionKey = from.inner("sessionKey", readSessionKey);
  if (by === "session" && sessionKey === undefined) {
    from.report("error", "UMB0103", "`sessionKey` is missing", "by", {
      remedy: "set it to {header: NAME}, {user: true} or {promptPrefixBytes: N}",
    });
  }
  return { by, sessionKey: sessionKey ?? defaultSampling.sessionKey };
}

function readSessionKey(from: Reader): SessionKey {
  const header = from.string("header");
  const user = from.boolean("user");
  const bytes = from.integer("promptPrefixBytes", 16, 1_048_576);
  const given = [header, user, bytes].filter((each) => each !== undefined).length;
  if (given > 1) from.wrong("use exactly one of `header`, `user` and `promptPrefixBytes`");
  if (header !== undefined) return { kind: "header", name: header.toLowerCase() };
  return bytes === undefined ? { kind: "user" } : { kind: "prompt", bytes };
}

function readEligible(from: Reader): MirrorPolicy["eligible"] {
  const listed = (key: string) => (from.has(key) ? from.strings(key) : undefined);
  const paths = listed("paths") ?? defaultPaths;
  if (paths.some((path) => !path.startsWith("/"))) {
    from.wrong("every path must begin with /", "paths");
  }
  const known = ["Critical", "Standard", "Sheddable"] as const;
  const named = listed("priorities");
  const priorities = named?.flatMap((name) => known.find((each) => each === name) ?? []);
  if (priorities?.length !== named?.length) {
    from.wrong(`\`priorities\` must be among ${known.join(", ")}`, "priorities");
  }
  return {
    paths,
    ...defined({ models: listed("models"), priorities }),
    headers: headerEntries(from.texts("headers")),
  };
}

function headerEntries(headers: Readonly<Record<string, string>>): MirrorHeaders["set"] {
  return Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), value }));
}

/** The gateway's own headers, which carry the pick and the mirror's name. */
const reserved = /^(?::|host$|x-umbra-|x-gateway-|x-request-id$)/;

function readRewrite(from: Reader | undefined): Pick<ShadowPolicy, "rewrite" | "headers"> {
  const read = from?.whole(() => ({
    headers: from.inner("headers", readHeaders),
    rewrite: {
      model: from.texts("model"),
      // Plain data of a YAML document.
      set: (from.map("set")?.asJson() ?? {}) as MirrorRewrite["set"],
      remove: from.strings("remove"),
    },
  }));
  const { rewrite = { model: {}, set: {}, remove: [] } } = read ?? {};
  for (const [name, remedy] of Object.entries(fixedFields)) {
    if (!Object.hasOwn(rewrite.set, name) && !rewrite.remove.includes(name)) continue;
    from?.wrong(`\`${name}\` can't be set or removed here`, undefined, remedy);
  }
  return { rewrite, headers: read?.headers ?? { set: [], remove: defaultRemovedHeaders } };
}

/** Body fields that a rewrite must not change, with the alternative. */
const fixedFields: Readonly<Record<string, string>> = {
  model: "use `rewrite.model`",
  stream: "remove it: streaming and non-streaming answers can't be compared",
};

function readHeaders(headers: Reader): MirrorHeaders {
  const set = headerEntries(headers.texts("set"));
  const remove = headers.has("remove")
    ? headers.strings("remove").map((name) => name.toLowerCase())
    : defaultRemovedHeaders;
  for (const name of [...set.map((each) => each.name), ...remove]) {
    const shown = name.slice(0, 64);
    if (!isHeaderName(name) && !name.startsWith(":")) {
      headers.wrong(`\`${shown}\` is not a valid header name`);
    }
    if (reserved.test(name) || framesMessages(name)) {
      headers.wrong(`the header ${shown} is reserved for the gateway`, undefined, "remove it");
    }
  }
  return { set, remove };
}

const week = 7 * 24 * 3_600_000;

/**
 * Checks that horizon, minimum pairs and budget allow a verdict. Without evaluation settings this is only a warning,
 * because the user may only want to mirror.
 */
function reportReach(spec: Reader, evaluation: EvaluationPolicy, budget: MirrorBudget): void {
  const isAsked = spec.has("evaluation");
  for (const problem of reachProblems(evaluationConfig(evaluation), budget)) {
    const { field, message, remedy } = problem;
    const severity = isAsked ? problem.severity : "warning";
    const holder = field === "horizon" ? "evaluation" : "budget";
    const map = spec.map(holder);
    const code = severity === "error" ? "UMB0214" : "UMB0215";
    if (map === undefined) spec.report(severity, code, message, undefined, { remedy });
    else map.report(severity, code, message, map.has(field) ? field : undefined, { remedy });
  }
}

function readBudget(
  from: Reader | undefined,
  evaluation: EvaluationPolicy,
): Pick<ShadowPolicy, "budget" | "requestTimeoutMs"> {
  const standard = budgetFor(evaluationConfig(evaluation).horizonMs);
  const read = from?.whole(() => {
    const budget = defined({
      maxInFlight: from.integer("maxInFlight", 1, 65_536) ?? defaultBudget.maxInFlight,
      maxRequestsPerSecond: from.number("maxRequestsPerSecond", 0.001, 1_000_000),
      maxRequests: from.integer("maxRequests", 1, 1_000_000_000) ?? defaultBudget.maxRequests,
      maxTokens: from.integer("maxTokens", 1, Number.MAX_SAFE_INTEGER),
      maxDurationMs: Math.min(week, durationMs(from, "maxDuration") ?? standard.maxDurationMs),
      maxBodyBytes: from.integer("maxBodyBytes", 1, 32 * 1_048_576) ?? defaultBudget.maxBodyBytes,
    });
    const requestTimeoutMs = durationMs(from, "requestTimeout") ?? defaultRequestTimeoutMs;
    if (requestTimeoutMs > 600_000 || requestTimeoutMs < 1_000) {
      from.wrong("`requestTimeout` must be from 1s to 10m", "requestTimeout");
    }
    return { budget, requestTimeoutMs };
  });
  return read ?? { budget: standard, requestTimeoutMs: defaultRequestTimeoutMs };
}

function readEvaluation(from: Reader, namespace: string): EvaluationPolicy {
  const slo = from.inner("slo", readSlo);
  const blockLengthsMs = durationsMs(from, "blockLengths")?.toSorted((a, b) => a - b);
  if (blockLengthsMs?.some((ms) => ms < 100) || blockLengthsMs?.length === 0) {
    from.wrong("`blockLengths` must be at least 100ms each", "blockLengths");
  }
  return defined({
    horizonMs: durationMs(from, "horizon"),
    minPairs: from.integer("minPairs", 200, 10_000_000),
    alpha: from.number("alpha", 0.001, 0.2),
    warmupMs: durationMs(from, "warmup"),
    blockLengthsMs,
    isSameModel: from.boolean("sameModel"),
    allowsLoadMismatch: from.boolean("allowLoadMismatch"),
    requiresAll: from.boolean("requireAll"),
    slo: slo?.limits,
    sloPreset: slo?.preset,
    gates: from.inner("gates", readGates),
    cost: from.inner("cost", readCost),
    observeUnmirroredPercent:
      from.number("observeUnmirrored", 0, 100) ?? defaultEvaluation.observeUnmirroredPercent,
    ...from.inner("outputs", (each) => readOutputs(each, namespace)),
  });
}

function readCost(from: Reader): EvaluationPolicy["cost"] {
  return defined({
    primary: from.inner("primary", readPrice),
    shadow: from.inner("shadow", readPrice),
  });
}

function readPrice(from: Reader): LanePrice {
  return defined({
    gpus: from.number("gpus", 0.01, 10_000),
    costPerHour: from.number("costPerHour", 0.0001, 1_000_000),
  });
}

function readSlo(from: Reader) {
  const preset = from.string("preset");
  if (preset !== undefined && !Object.hasOwn(sloPresets, preset)) {
    from.wrong(`\`preset\` must be one of ${Object.keys(sloPresets).join(", ")}`, "preset");
  }
  const limits = defined({
    ttft: from.number("ttftMs", 0.001, 3_600_000),
    tpot: from.number("tpotMs", 0.001, 3_600_000),
    e2e: from.number("e2eMs", 0.001, 86_400_000),
  });
  return { preset, limits };
}

/** The gates of answers are among the others in a policy. */
const allGates: readonly string[] = [...gateIds, ...outputGateIds];

function readGates(from: Reader): EvaluationPolicy["gates"] {
  const gates = allGates.flatMap((name) => {
    const gate = from.inner(name, (each) =>
      defined({ margin: each.number("margin", 0.0001, 10), required: each.boolean("required") }),
    );
    return gate === undefined ? [] : [[name, gate] as const];
  });
  for (const name of from.keys()) {
    if (allGates.includes(name)) continue;
    const { remedy = `use one of ${allGates.join(", ")}` } = didYouMean(name, allGates, "`");
    from.wrong(`unknown gate \`${name.slice(0, 64)}\``, name, remedy);
    from.ignore(name);
  }
  return Object.fromEntries(gates);
}
