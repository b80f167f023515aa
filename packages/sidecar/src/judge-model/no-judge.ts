import { noJudgeHeaders } from "@umbra/envoy-config";
import type { Headers } from "@umbra/ext-proc";

/** True if the client wants no judge model to see the request. Any value but `false` and `0` says so. */
export function wantsNoJudge(headers: Headers): boolean {
  return noJudgeHeaders.some((name) => {
    const value = headers.get(name);
    return value !== undefined && value !== "false" && value !== "0";
  });
}
