import type { Message } from "@umbra/grpc";
import type { ClientRequest } from "./client-request.ts";
import type { Answer } from "./session.ts";

/** What one of the two protocols makes of bytes. */
export interface Protocol {
  readonly form: "full" | "delta";
  /** Throws where the bytes are no message. */
  readonly read: (bytes: Uint8Array) => ReadRequest;
  readonly write: (answer: Answer) => Message;
}

/** A request with what only its stream has to know. */
export interface ReadRequest {
  /** Of the stream's first request; empty in later ones. */
  readonly nodeId: string;
  readonly typeUrl: string;
  readonly request: Omit<ClientRequest, "kind">;
}
