import { defined } from "@umbra/shadow/defined";
import { type SegmentSettings, segmentKinds } from "@umbra/shadow/evaluation";
import { judgeSocket, unusableAddress } from "../endpoint-address.ts";
import {
  type ComparisonPolicy,
  defaultComparison,
  defaultJudge,
  defaultRemovedHeaders,
  type EvaluationPolicy,
  type JudgePolicy,
} from "../mirror-policy.ts";
import { framesMessages, isHeaderName } from "./header-name.ts";
import type { Reader } from "./reader.ts";

type Outputs = Pick<EvaluationPolicy, "comparison" | "segments" | "judge">;

/** Reads `evaluation.outputs` of a policy in this namespace: how the texts of answers are compared, and by whom. */
export function readOutputs(from: Reader, namespace: string): Outputs {
  const comparison = readComparison(from);
  const judge = from.inner("judge", (each) => readJudge(each, namespace));
  if (judge !== undefined && (comparison.mode !== "numbers" || comparison.similarity === "off")) {
    const remedy = "leave out `mode` and `similarity`, or the judge";
    from.wrong("`judge` needs `mode: numbers` and `similarity: chrf`", "judge", remedy);
  }
  return defined({ comparison, segments: from.inner("segments", readSegments), judge });
}

const mebibyte = 1024 * 1024;
const maxPhrases = 64;

function readComparison(from: Reader): ComparisonPolicy {
  const standard = defaultComparison;
  const { refusalPhrases, refusalHeader } = from.inner("refusal", readRefusal) ?? standard;
  return {
    mode: from.oneOf("mode", ["off", "sketch", "numbers"]) ?? standard.mode,
    maxTextBytes: from.integer("maxTextBytes", 1_024, mebibyte) ?? standard.maxTextBytes,
    maxHeldBytes: from.integer("maxHeldBytes", mebibyte, 1_024 * mebibyte) ?? standard.maxHeldBytes,
    stripsReasoning: from.boolean("stripReasoning") ?? standard.stripsReasoning,
    similarity: from.oneOf("similarity", ["chrf", "off"]) ?? standard.similarity,
    checksSchemas: from.boolean("schema") ?? standard.checksSchemas,
    logprobs: from.oneOf("logprobs", ["off", "ifPresent", "shadow"]) ?? standard.logprobs,
    ...{ refusalPhrases, ...defined({ refusalHeader }) },
  };
}

/** What marks a refusal in addition to the lexicon. */
function readRefusal(
  from: Reader,
): Pick<ComparisonPolicy, "refusalPhrases"> & { readonly refusalHeader: string | undefined } {
  from.oneOf("lexicon", ["en-1"]);
  const refusalHeader = from.string("header")?.toLowerCase();
  if (refusalHeader !== undefined && refusalHeader !== "") checkHeader(from, refusalHeader);
  return { refusalPhrases: readPhrases(from), refusalHeader: refusalHeader || undefined };
}

/**
 * Envoy also shows the sidecar the request header of this name, so names of cookies and credentials are refused. So are the names of
 * headers that frame a message: no server marks a refusal with them.
 */
function checkHeader(from: Reader, name: string): void {
  const isSecret = name === "set-cookie" || defaultRemovedHeaders.includes(name);
  if (isHeaderName(name) && !framesMessages(name) && !isSecret) return;
  from.wrong("`header` must be the name of a header of answers", "header", "name another one");
}

function readPhrases(from: Reader): readonly string[] {
  const phrases = from.strings("phrases");
  if (phrases.length > maxPhrases || phrases.some((each) => each === "" || each.length > 200)) {
    from.wrong(`\`phrases\` must be at most ${maxPhrases} texts of 1 to 200 characters`, "phrases");
    return [];
  }
  return phrases;
}

function readSegments(from: Reader): Partial<SegmentSettings> {
  const given = from.has("by") ? from.strings("by") : undefined;
  const by = given?.flatMap((name) => segmentKinds.find((kind) => kind === name) ?? []);
  if (by?.length !== given?.length) {
    from.wrong(`\`by\` must be among ${segmentKinds.join(", ")}`, "by");
  }
  return defined({
    by,
    minPairs: from.integer("minPairs", 50, 10_000_000),
    q: from.number("q", 0.001, 0.5),
    effect: from.oneOf("effect", ["hold", "warn"]),
  });
}

/** Plain HTTP only within the machine. */
const judgeUrl = /^(?:https:\/\/[^/?#@\s]+|http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?)\//;

function readJudge(from: Reader, namespace: string): JudgePolicy | undefined {
  from.needs("endpoint");
  from.needs("model");
  const [endpoint, model] = [from.string("endpoint"), boundedText(from, "model", 253)];
  const sample = from.inner("sample", readSample);
  const pricePerMTokens = from.inner("pricePerMTokens", readPrices);
  const maxCostUsd = from.number("maxCostUsd", 0.01, 1_000_000);
  const judge = defined({
    endpoint: endpoint ?? "",
    model: model ?? "",
    apiKey: from.inner("apiKeySecretRef", (each) => readSecretRef(each, namespace)),
    rubric: boundedText(from, "rubric", 4_096) ?? "",
    sample: sample ?? defaultJudge.sample,
    maxCalls: from.integer("maxCalls", 2, 10_000_000) ?? defaultJudge.maxCalls,
    maxTokens: from.integer("maxTokens", 1, Number.MAX_SAFE_INTEGER),
    ...{ maxCostUsd, pricePerMTokens },
    perMinute: from.integer("perMinute", 2, 1_000_000),
    maxPromptTokens: from.integer("maxPromptTokens", 256, 100_000) ?? defaultJudge.maxPromptTokens,
    margin: from.number("margin", 0.001, 0.5) ?? defaultJudge.margin,
    required: from.boolean("required"),
  });
  if (from.boolean("consent") !== true) {
    from.wrong(
      "`judge` needs `consent: true`, because texts leave this process",
      from.has("consent") ? "consent" : undefined,
      "add `consent: true` if prompts and answers may be sent to the endpoint, or remove the judge",
    );
  }
  const wrong = endpoint === undefined ? undefined : wrongEndpoint(endpoint);
  if (wrong !== undefined) {
    const remedy =
      "use the URL of its chat completions, such as https://judge.internal/v1/chat/completions";
    from.wrong(wrong, "endpoint", remedy);
  }
  if (maxCostUsd !== undefined && pricePerMTokens === undefined) {
    from.wrong("`maxCostUsd` needs `pricePerMTokens`", "maxCostUsd");
  }
  return judge;
}

/** @param maxChars in code points, as the definition for Kubernetes counts */
function boundedText(from: Reader, key: string, maxChars: number): string | undefined {
  const text = from.string(key);
  if (text !== undefined && text.length > maxChars && [...text].length > maxChars) {
    from.wrong(`\`${key}\` must have at most ${maxChars} characters`, key, "shorten it");
    return undefined;
  }
  return text;
}

/** Who writes a policy must not make the sidecar send something to Envoy's admin interface, or its own. */
function wrongEndpoint(endpoint: string): string | undefined {
  const isUrl = endpoint.length <= 2_048 && judgeUrl.test(endpoint) && URL.canParse(endpoint);
  if (!isUrl || !new URL(endpoint).pathname.endsWith("/chat/completions")) {
    return "`endpoint` must be a URL of chat completions: https, or http on this machine";
  }
  const { ip, port } = judgeSocket(endpoint);
  const unusable = unusableAddress(ip, port);
  return unusable && `\`endpoint\` can't be a judge: ${unusable}`;
}

/** As in Kubernetes; no part of a path. */
const secretName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const entryName = /^(?!\.)[-._a-zA-Z0-9]{1,253}$/;

function readSecretRef(from: Reader, namespace: string): JudgePolicy["apiKey"] {
  from.needs("name");
  const [secret = "", entry = "token"] = [from.string("name"), from.string("key")];
  if (from.has("name") && !secretName.test(secret)) from.wrong("invalid name of a Secret", "name");
  if (!entryName.test(entry)) from.wrong("invalid key of a Secret", "key");
  return { namespace, secret, entry };
}

function readSample(from: Reader): JudgePolicy["sample"] {
  const { near, far } = defaultJudge.sample;
  return {
    near: from.number("near", 0.0001, 1) ?? near,
    far: from.number("far", 0.0001, 1) ?? far,
  };
}

function readPrices(from: Reader): JudgePolicy["pricePerMTokens"] {
  from.needs("prompt");
  from.needs("completion");
  return {
    prompt: from.number("prompt", 0, 1_000_000) ?? 0,
    completion: from.number("completion", 0, 1_000_000) ?? 0,
  };
}
