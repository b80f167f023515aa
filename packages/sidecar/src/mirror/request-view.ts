import type { Headers } from "@umbra/ext-proc";
import type { RequestFields } from "@umbra/openai";

/** The request data that mirroring decisions use. */
export interface RequestView {
  readonly requestId: string;
  readonly method: string;
  /** The endpoint's path, without the query. */
  readonly path: string;
  /** The client's path, without the query. */
  readonly clientPath: string;
  /** The client's model name. */
  readonly model: string | undefined;
  readonly priority: "Critical" | "Standard" | "Sheddable";
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly fields: RequestFields;
}
