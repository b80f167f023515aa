import type { Headers } from "@umbra/ext-proc";
import type { RequestFields } from "@umbra/openai";

/** What mirroring is decided by. */
export interface RequestView {
  readonly requestId: string;
  readonly method: string;
  /** As the endpoint gets it, without the query. */
  readonly path: string;
  /** As the client sent it, without the query. */
  readonly clientPath: string;
  /** As the client named it. */
  readonly model: string | undefined;
  readonly priority: "Critical" | "Standard" | "Sheddable";
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly fields: RequestFields;
}
