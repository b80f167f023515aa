import type { Headers } from "@umbra/ext-proc";
import { type JsonField, scanJson } from "../openai/json-scan.ts";

/** What mirroring is decided by. The body is looked into only as far as a policy asks. */
export interface RequestView {
  readonly requestId: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly model: string | undefined;
  readonly priority: "Critical" | "Standard" | "Sheddable";
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** Top-level fields that policies ask for; scanned once, at the first call. */
  fields(): ReadonlyMap<string, JsonField>;
}

/** Fields that tell state, tools, sessions and prompts. */
const wanted: ReadonlySet<string> = new Set([
  "user",
  "store",
  "background",
  "conversation",
  "previous_response_id",
  "tools",
  "mcp_servers",
  "container",
  "web_search_options",
  "messages",
  "prompt",
  "input",
]);

const nothing: ReadonlyMap<string, JsonField> = new Map();

export function requestView(
  from: Omit<RequestView, "fields" | "body"> & { readonly body: Uint8Array | undefined },
): RequestView {
  const body = from.body ?? new Uint8Array();
  let fields: ReadonlyMap<string, JsonField> | undefined;
  return {
    ...from,
    body,
    fields() {
      if (fields === undefined) {
        const scan = body.length === 0 ? undefined : scanJson(body, wanted);
        fields = scan?.ok === true ? scan.fields : nothing;
      }
      return fields;
    },
  };
}
