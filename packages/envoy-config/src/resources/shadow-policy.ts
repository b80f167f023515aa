import { defined } from "@umbra/shadow/defined";
import { gateDefaults, gateIds, sloPresets } from "@umbra/shadow/evaluation";
import {
  defaultBudget,
  defaultEvaluation,
  defaultPaths,
  defaultRemovedHeaders,
  defaultRequestTimeoutMs,
  type EvaluationPolicy,
  type MirrorHeaders,
  type MirrorPolicy,
  type MirrorRewrite,
  type MirrorSampling,
  type SessionKey,
} from "../mirror-policy.ts";
import { nearest } from "../nearest.ts";
import { durationMs, durationsMs } from "./duration.ts";
import { isHeaderName } from "./header-name.ts";
import type { Meta } from "./meta.ts";
import type { Reader } from "./reader.ts";
import type { PolicyCandidate, PolicyTarget, ShadowPolicy } from "./resources.ts";

/** `umbra.dev/v1alpha1`. Every field but `targetRefs` has a default. */
export function readShadowPolicy(meta: Meta, spec: Reader): ShadowPolicy {
  const targets = spec.maps("targetRefs").flatMap((ref) => targetRef(ref));
  if (!spec.has("targetRefs")) spec.report("error", "UMB0103", "`targetRefs` is missing");
  const sampling = spec.map("sampling");
  const policy: ShadowPolicy = {
    ...meta,
    targets,
    candidates: spec.has("candidates")
      ? spec.maps("candidates").flatMap((each) => candidate(each, meta.namespace))
      : undefined,
    percent: sampling?.number("percent", 0, 100),
    sampling: readSampling(sampling),
    eligible: readEligible(spec.map("eligible")),
    ...readRewrite(spec.map("rewrite")),
    ...readBudget(spec.map("budget")),
    evaluation: readEvaluation(spec.map("evaluation")),
  };
  spec.warnUnknown();
  return policy;
}

function targetRef(ref: Reader): readonly PolicyTarget[] {
  const name = ref.required("name");
  const kind = ref.string("kind") ?? "HTTPRoute";
  const sectionName = ref.string("sectionName");
  if (kind !== "HTTPRoute") {
    ref.report("error", "UMB0104", "`kind` must be HTTPRoute: that is what has mirrors", "kind", {
      remedy: "name an HTTPRoute that has a RequestMirror filter",
    });
    return [];
  }
  const place = ref.place("name");
  ref.warnUnknown("group");
  return name === undefined ? [] : [{ name, sectionName, place }];
}

function candidate(from: Reader, namespace: string): readonly PolicyCandidate[] {
  const ref = from.map("backendRef");
  if (ref === undefined) from.report("error", "UMB0103", "`backendRef` is missing");
  const role = from.oneOf("role", ["candidate", "control"]) ?? "candidate";
  from.warnUnknown();
  const name = ref?.required("name");
  if (ref === undefined || name === undefined) return [];
  const read = {
    name,
    kind: ref.string("kind") ?? "InferencePool",
    namespace: ref.string("namespace") ?? namespace,
    port: ref.integer("port", 1, 65_535),
    role,
    place: ref.place("name"),
  };
  ref.warnUnknown("group");
  return [read];
}

function readSampling(from: Reader | undefined): MirrorSampling {
  const by = from?.oneOf("by", ["request", "session"]) ?? "request";
  const key = from?.map("sessionKey");
  const sessionKey = key === undefined ? ({ kind: "user" } as const) : readSessionKey(key);
  if (by === "session" && key === undefined && from !== undefined) {
    from.report("error", "UMB0103", "`sessionKey` is missing", "by", {
      remedy:
        "say where the session's name is: {header: NAME}, {user: true} or {promptPrefixBytes: N}",
    });
  }
  from?.warnUnknown("percent");
  return { by, sessionKey };
}

function readSessionKey(from: Reader): SessionKey {
  const header = from.string("header");
  const user = from.boolean("user");
  const bytes = from.integer("promptPrefixBytes", 16, 1_048_576);
  from.warnUnknown();
  const given = [header, user, bytes].filter((each) => each !== undefined).length;
  if (given > 1) {
    from.report("error", "UMB0104", "give one of `header`, `user` and `promptPrefixBytes`");
  }
  if (header !== undefined) return { kind: "header", name: header.toLowerCase() };
  return bytes === undefined ? { kind: "user" } : { kind: "prompt", bytes };
}

function readEligible(from: Reader | undefined): MirrorPolicy["eligible"] {
  const paths = from?.has("paths") === true ? from.strings("paths") : defaultPaths;
  if (paths.some((path) => !path.startsWith("/"))) {
    from?.report("error", "UMB0104", "every path must begin with /", "paths");
  }
  const models = from?.has("models") === true ? from.strings("models") : undefined;
  const known = ["Critical", "Standard", "Sheddable"] as const;
  const named = from?.has("priorities") === true ? from.strings("priorities") : undefined;
  const priorities = named?.flatMap((name) => known.find((each) => each === name) ?? []);
  if (priorities?.length !== named?.length) {
    from?.report("error", "UMB0104", `\`priorities\` are ${known.join(", ")}`, "priorities");
  }
  const headers = Object.entries(from?.texts("headers") ?? {});
  from?.warnUnknown();
  return {
    paths,
    ...(models === undefined ? {} : { models }),
    ...(priorities === undefined ? {} : { priorities }),
    headers: headers.map(([name, value]) => ({ name: name.toLowerCase(), value })),
  };
}

/** The gateway's own headers carry the pick and the mirror's name. */
const reserved =
  /^(?::|host$|content-length$|transfer-encoding$|x-umbra-|x-gateway-|x-request-id$)/;

function readRewrite(from: Reader | undefined): Pick<ShadowPolicy, "rewrite" | "headers"> {
  const headers = readHeaders(from?.map("headers"));
  const rewrite = {
    model: from?.texts("model") ?? {},
    // Plain data of a YAML document.
    set: (from?.json("set") ?? {}) as MirrorRewrite["set"],
    remove: from?.strings("remove") ?? [],
  };
  for (const name of ["model", "stream"]) {
    if (!Object.hasOwn(rewrite.set, name) && !rewrite.remove.includes(name)) continue;
    const remedy =
      name === "model"
        ? "use `rewrite.model`"
        : "leave it: a streamed answer and a whole one do not compare";
    from?.report("error", "UMB0104", `\`${name}\` can't be set or removed here`, undefined, {
      remedy,
    });
  }
  from?.warnUnknown();
  return { rewrite, headers };
}

function readHeaders(headers: Reader | undefined): MirrorHeaders {
  const set = Object.entries(headers?.texts("set") ?? {}).map(([name, value]) => ({
    name: name.toLowerCase(),
    value,
  }));
  const remove =
    headers?.has("remove") === true
      ? headers.strings("remove").map((name) => name.toLowerCase())
      : defaultRemovedHeaders;
  for (const name of [...set.map((each) => each.name), ...remove]) {
    if (!isHeaderName(name) && !name.startsWith(":")) {
      headers?.report("error", "UMB0104", `\`${name.slice(0, 64)}\` is no name of a header`);
    }
    if (reserved.test(name)) {
      headers?.report(
        "error",
        "UMB0104",
        `the header ${name.slice(0, 64)} is the gateway's own`,
        undefined,
        {
          remedy: "remove it",
        },
      );
    }
  }
  headers?.warnUnknown();
  return { set, remove };
}

const week = 7 * 24 * 3_600_000;

function readBudget(from: Reader | undefined): Pick<ShadowPolicy, "budget" | "requestTimeoutMs"> {
  if (from === undefined) {
    return { budget: defaultBudget, requestTimeoutMs: defaultRequestTimeoutMs };
  }
  const perSecond = from.number("maxRequestsPerSecond", 0.001, 1_000_000);
  const maxTokens = from.integer("maxTokens", 1, Number.MAX_SAFE_INTEGER);
  const budget = {
    maxInFlight: from.integer("maxInFlight", 1, 65_536) ?? defaultBudget.maxInFlight,
    ...(perSecond === undefined ? {} : { maxRequestsPerSecond: perSecond }),
    maxRequests: from.integer("maxRequests", 1, 1_000_000_000) ?? defaultBudget.maxRequests,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    maxDurationMs: Math.min(week, durationMs(from, "maxDuration") ?? defaultBudget.maxDurationMs),
    maxBodyBytes: from.integer("maxBodyBytes", 1, 32 * 1_048_576) ?? defaultBudget.maxBodyBytes,
  };
  const requestTimeoutMs = durationMs(from, "requestTimeout") ?? defaultRequestTimeoutMs;
  if (requestTimeoutMs > 600_000 || requestTimeoutMs < 1_000) {
    from.report("error", "UMB0104", "`requestTimeout` must be 1s to 10m", "requestTimeout");
  }
  from.warnUnknown();
  return { budget, requestTimeoutMs };
}

function readEvaluation(from: Reader | undefined): EvaluationPolicy {
  if (from === undefined) return defaultEvaluation;
  const slo = from.map("slo");
  const preset = slo?.string("preset");
  if (preset !== undefined && !Object.hasOwn(sloPresets, preset)) {
    slo?.report(
      "error",
      "UMB0104",
      `\`preset\` must be one of ${Object.keys(sloPresets).join(", ")}`,
      "preset",
    );
  }
  const limits = {
    ttft: slo?.number("ttftMs", 0.001, 3_600_000),
    tpot: slo?.number("tpotMs", 0.001, 3_600_000),
    e2e: slo?.number("e2eMs", 0.001, 86_400_000),
  };
  slo?.warnUnknown();
  const blockLengthsMs = durationsMs(from, "blockLengths")?.toSorted((a, b) => a - b);
  if (blockLengthsMs?.some((ms) => ms < 100) || blockLengthsMs?.length === 0) {
    from.report("error", "UMB0104", "`blockLengths` must be at least 100ms each", "blockLengths");
  }
  const policy = defined({
    horizonMs: durationMs(from, "horizon"),
    minPairs: from.integer("minPairs", 200, 10_000_000),
    alpha: from.number("alpha", 0.001, 0.2),
    warmupMs: durationMs(from, "warmup"),
    blockLengthsMs,
    isSameModel: from.boolean("sameModel"),
    allowsLoadMismatch: from.boolean("allowLoadMismatch"),
    slo: slo === undefined ? undefined : defined(limits),
    sloPreset: preset,
    gates: readGates(from.map("gates")),
  });
  const observeUnmirroredPercent =
    from.number("observeUnmirrored", 0, 100) ?? defaultEvaluation.observeUnmirroredPercent;
  from.warnUnknown();
  return { ...policy, observeUnmirroredPercent };
}

function readGates(from: Reader | undefined): EvaluationPolicy["gates"] {
  if (from === undefined) return undefined;
  const gates = gateIds.flatMap((name) => {
    const gate = from.map(name);
    if (gate === undefined) return [];
    const read = defined({
      margin: gate.number("margin", 0.0001, 10),
      required: gate.boolean("required"),
    });
    gate.warnUnknown();
    return [[name, read] as const];
  });
  for (const name of from.keys()) {
    if (Object.hasOwn(gateDefaults, name)) continue;
    const near = nearest(name, gateIds);
    from.report("error", "UMB0104", `there is no gate \`${name.slice(0, 64)}\``, name, {
      remedy:
        near === undefined ? `take one of ${gateIds.join(", ")}` : `did you mean \`${near}\`?`,
    });
  }
  return Object.fromEntries(gates);
}
