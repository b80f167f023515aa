import { isPoolCalled } from "@umbra/envoy-config";
import type { InferenceRequest } from "@umbra/scheduler";

import { defined } from "@umbra/shadow/defined";
import type { PoolRegistry } from "../pools/pool-registry.ts";

import type { Explained } from "./admin-answers.ts";

export type ExplainAnswer =
  | ({ readonly status: 200 } & Explained)
  | { readonly status: 400 | 404; readonly error: string };

/** Explains how a request would be picked now. Does not pick and has no side effects. */
export function explainCall(query: URLSearchParams, pools: PoolRegistry): ExplainAnswer {
  const name = query.get("pool") ?? "";
  const found = [...pools.values()].filter((each) => isPoolCalled(each.name, name));
  const [pool] = found;
  if (pool === undefined || found.length > 1) {
    const known = [...pools.keys()].join(", ");
    const error =
      pool === undefined ? `there is no pool "${name}"` : `"${name}" matches several pools`;
    return { status: 404, error: `${error}; existing pools: ${known}` };
  }
  const askedFor = query.get("model") ?? "";
  const session = query.get("session") ?? undefined;
  const model = pool.rewrite(askedFor, session);
  const promptTokens = numberOf(query.get("promptTokens"));
  const priority = numberOf(query.get("priority"));
  if (promptTokens === "wrong" || priority === "wrong") {
    return { status: 400, error: "promptTokens and priority must be whole numbers" };
  }
  const request: InferenceRequest = {
    model,
    criticality: pool.priorityOf(askedFor),
    ...(pool.served.isAdapter(model)
      ? { adapter: model, baseModel: pool.served.baseOf(model) }
      : {}),
    ...defined({ session, promptTokens, priority }),
  };
  return { status: 200, pool: pool.name, request, explanation: pool.state.explain(request) };
}

function numberOf(text: string | null): number | "wrong" | undefined {
  if (text === null) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : "wrong";
}
