import { fromBinary } from "@bufbuild/protobuf";
import { ProcessingRequestSchema, readRequestMessage } from "@umbra/ext-proc/internal";

/** Content of a ProcessingRequest, from either codec. */
export interface ReadMessage {
  readonly part: string | undefined;
  readonly headers: ReadonlyMap<string, string>;
  /** In hexadecimal digits. */
  readonly body: string;
  readonly endOfStream: boolean;
  readonly isCopy: boolean;
  readonly bodyModes: { readonly request: number; readonly response: number } | undefined;
  readonly metadata: unknown;
  readonly attributes: ReadonlyMap<string, string>;
}

/** What the generated code says a message holds, in our words. */
export function readByGenerated(encoded: Uint8Array): ReadMessage {
  const message = fromBinary(ProcessingRequestSchema, encoded);
  const { request: part } = message;
  const map =
    part.case === "requestHeaders" || part.case === "responseHeaders"
      ? part.value.headers
      : part.case === "requestTrailers" || part.case === "responseTrailers"
        ? part.value.trailers
        : undefined;
  const headers = new Map<string, string>();
  for (const { key, value, rawValue } of map?.headers ?? []) {
    if (!headers.has(key))
      headers.set(key, rawValue.length > 0 ? Buffer.from(rawValue).toString() : value);
  }
  const isBody = part.case === "requestBody" || part.case === "responseBody";
  const hasEnd = isBody || part.case === "requestHeaders" || part.case === "responseHeaders";
  const attributes = new Map<string, string>();
  for (const each of Object.values(message.attributes)) {
    for (const [name, value] of Object.entries(each)) {
      if (typeof value === "string" || typeof value === "number")
        attributes.set(name, String(value));
    }
  }
  return {
    part: part.case,
    headers,
    body: Buffer.from(isBody ? part.value.body : []).toString("hex"),
    endOfStream: hasEnd && part.value.endOfStream,
    isCopy: message.observabilityMode,
    bodyModes:
      message.protocolConfig === undefined
        ? undefined
        : {
            request: message.protocolConfig.requestBodyMode,
            response: message.protocolConfig.responseBodyMode,
          },
    metadata: message.metadataContext?.filterMetadata ?? {},
    attributes,
  };
}

export function readByHand(encoded: Uint8Array): ReadMessage {
  const message = readRequestMessage(encoded);
  return {
    part: message.part,
    headers: new Map(message.headers),
    body: Buffer.from(message.body).toString("hex"),
    endOfStream: message.endOfStream,
    isCopy: message.isCopy,
    bodyModes: message.bodyModes,
    metadata: message.metadata,
    attributes: message.attributes,
  };
}
