import type { Pair } from "@umbra/shadow";
import { Agent } from "undici";
import { queryAdmin } from "../process/admin-client.ts";
import { waitUntil } from "../process/wait-until.ts";
import { type Answer, type ChatTarget, sendChat } from "./send.ts";

export interface ProofOptions {
  readonly target: ChatTarget;
  /** The sidecar's admin interface. */
  readonly admin: string;
  /** Bodies to send, one request each. */
  readonly bodies: readonly string[];
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** The result of one check. */
export interface Check {
  readonly claim: string;
  readonly holds: boolean;
  /** The observation. */
  readonly seen: string;
}

/**
 * Sends requests and checks, from the sidecar's records of both lanes, that the primary pool answered each request,
 * that each was mirrored to the shadow pool, and that the client got the primary's answer. Every completion has a
 * unique `id`, so the client's id shows which pool sent the answer.
 */
export async function proveMirroring(options: ProofOptions): Promise<readonly Check[]> {
  const { target, admin, bodies, signal, timeoutMs } = options;
  const http = new Agent();
  const answers: Answer[] = [];
  for (const body of bodies) {
    signal.throwIfAborted();
    answers.push(await sendChat(http, target, body, signal));
  }
  await http.destroy();
  const ids = new Set(answers.flatMap(({ requestId }) => requestId ?? []));
  const pairsOf = async () => {
    const { pairs } = await queryAdmin(admin, "/v1/pairs", { signal });
    return pairs.filter(({ requestId }) => ids.has(requestId));
  };
  const areAllPaired = async () => {
    return new Set((await pairsOf()).map((pair) => pair.requestId)).size >= bodies.length;
  };
  await waitUntil(areAllPaired, { timeoutMs, signal });
  return checksOf(answers, await pairsOf());
}

function checksOf(answers: readonly Answer[], pairs: readonly Pair[]): readonly Check[] {
  const all = answers.length;
  const answered = answers.filter(({ status, isComplete }) => status === 200 && isComplete).length;
  const byId = new Map(pairs.map((pair) => [pair.requestId, pair]));
  const paired = answers.filter(({ requestId }) => byId.has(requestId ?? "")).length;
  const shadowOk = [...byId.values()].filter(({ shadow }) => shadow.status === 200).length;
  const own = answers.filter(
    ({ requestId, responseId }) =>
      responseId !== undefined && byId.get(requestId ?? "")?.primary.responseId === responseId,
  ).length;
  const shadowIds = new Set(pairs.flatMap(({ shadow }) => shadow.responseId ?? []));
  const leaked = answers.filter(
    ({ responseId }) => responseId !== undefined && shadowIds.has(responseId),
  ).length;
  const failure = answers.find(({ status }) => status !== 200);
  const why =
    failure === undefined
      ? ""
      : ` (first failure: ${failure.status === 0 ? failure.error : failure.status})`;
  const count = (claim: string, found: number, more = ""): Check => {
    return { claim, holds: found === all, seen: `${found} of ${all}${more}` };
  };
  return [
    count("the client got an answer", answered, why),
    count("the shadow pool got the mirrored request", paired),
    count("the shadow pool answered it", shadowOk),
    count("the client got the primary's answer", own),
    {
      ...count("no shadow answer reached the client", leaked),
      holds: leaked === 0,
    },
  ];
}
