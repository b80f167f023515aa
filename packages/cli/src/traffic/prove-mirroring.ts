import type { Pair } from "@umbra/shadow";
import { Agent } from "undici";
import { askAdmin } from "../process/admin-client.ts";
import { waitUntil } from "../process/wait-until.ts";
import { type Answer, sendChat } from "./send.ts";

export interface ProofOptions {
  readonly origin: string;
  readonly host?: string;
  /** Value of the requests' `authorization` header. */
  readonly authorization?: string;
  /** The sidecar's admin interface. */
  readonly admin: string;
  /** Bodies to send, one request each. */
  readonly bodies: readonly string[];
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** One thing that was to be shown. */
export interface Check {
  readonly claim: string;
  readonly holds: boolean;
  /** What was seen. */
  readonly seen: string;
}

export interface Proof {
  readonly checks: readonly Check[];
  readonly answers: readonly Answer[];
  readonly pairs: readonly Pair[];
}

/**
 * Sends requests and proves, from what the sidecar saw on both lanes, that each was answered by the primary pool
 * and mirrored to the shadow pool, and that the client got the primary's answer: every completion has an `id` of
 * its own, so the id that the client has tells whose answer it is.
 */
export async function proveMirroring(options: ProofOptions): Promise<Proof> {
  const { origin, host, authorization, admin, bodies, signal } = options;
  const http = new Agent();
  const answers: Answer[] = [];
  for (const body of bodies) {
    signal.throwIfAborted();
    answers.push(
      await sendChat({
        http,
        origin,
        body,
        signal,
        ...(host === undefined ? {} : { host }),
        ...(authorization === undefined ? {} : { authorization }),
      }),
    );
  }
  await http.destroy();
  const ids = new Set(answers.flatMap(({ requestId }) => requestId ?? []));
  const pairsOf = async () => {
    const { pairs } = await askAdmin(admin, "/v1/pairs", { signal });
    return pairs.filter(({ requestId }) => ids.has(requestId));
  };
  await waitUntil(
    async () => new Set((await pairsOf()).map((pair) => pair.requestId)).size >= bodies.length,
    {
      timeoutMs: options.timeoutMs,
      signal,
    },
  );
  const pairs = await pairsOf();
  return { checks: checksOf(answers, pairs), answers, pairs };
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
      : ` (first other: ${failure.status === 0 ? failure.error : failure.status})`;
  return [
    {
      claim: "the client got an answer",
      holds: answered === all,
      seen: `${answered} of ${all}${why}`,
    },
    { claim: "the shadow pool got a copy", holds: paired === all, seen: `${paired} of ${all}` },
    {
      claim: "the shadow pool answered its copy",
      holds: shadowOk === all,
      seen: `${shadowOk} of ${all}`,
    },
    { claim: "the client's answer is the primary's", holds: own === all, seen: `${own} of ${all}` },
    {
      claim: "no answer of the shadow reached the client",
      holds: leaked === 0,
      seen: `${leaked} of ${all}`,
    },
  ];
}
