import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import {
  ExternalProcessor,
  ProcessingRequestSchema,
  ProcessingResponseSchema,
} from "@umbra/ext-proc";

export const modes = {
  NONE: 0,
  STREAMED: 1,
  BUFFERED: 2,
  BUFFERED_PARTIAL: 3,
  FULL_DUPLEX_STREAMED: 4,
} as const;
export type Mode = keyof typeof modes;

/** The messages of one HTTP request, encoded once, and how many answers each is owed before the next is sent. */
export interface Exchange {
  readonly messages: readonly { readonly bytes: Buffer; readonly answers: number }[];
}

const headerValues: readonly (readonly [string, string])[] = [
  [":method", "POST"],
  [":path", "/v1/chat/completions"],
  [":authority", "example.com"],
  [":scheme", "http"],
  ["content-type", "application/json"],
  ["x-request-id", "5c0f2f5e-5a8b-4d52-9d7c-7f6a1c1f0b11"],
];

export function exchangeOf(mode: Mode, bodyBytes: number): Exchange {
  const text = JSON.stringify({
    model: "m",
    messages: [{ role: "user", content: "x".repeat(bodyBytes) }],
  });
  const body = Buffer.from(text);
  const headers = headerValues.map(([key, value]) => ({ key, rawValue: Buffer.from(value) }));
  const encode = (request: Parameters<typeof create<typeof ProcessingRequestSchema>>[1]) =>
    Buffer.from(toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, request)));
  const first = encode({
    request: { case: "requestHeaders", value: { headers: { headers }, endOfStream: false } },
    protocolConfig: { requestBodyMode: modes[mode] },
  });
  if (mode === "NONE") return { messages: [{ bytes: first, answers: 1 }] };
  const pieceBytes = mode === "FULL_DUPLEX_STREAMED" || mode === "STREAMED" ? 32_768 : body.length;
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += pieceBytes) {
    const piece = body.subarray(at, at + pieceBytes);
    const endOfStream = at + pieceBytes >= body.length;
    pieces.push(encode({ request: { case: "requestBody", value: { body: piece, endOfStream } } }));
  }
  if (mode === "FULL_DUPLEX_STREAMED") {
    const all = [first, ...pieces];
    return { messages: all.map((bytes) => ({ bytes, answers: 0 })) };
  }
  return { messages: [first, ...pieces].map((bytes) => ({ bytes, answers: 1 })) };
}

const path = `/${ExternalProcessor.typeName}/Process`;
const raw: MethodDefinition<Buffer, Buffer> = {
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
};

export function connect(port: number): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
}

/** Plays one exchange as Envoy does; resolves when the server has ended its side. */
export function play(client: Client, { messages }: Exchange, isFullDuplex: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const metadata = new Metadata();
    metadata.set("x-umbra-pool", "default/primary");
    metadata.set("x-umbra-lane", "primary");
    const call = client.makeBidiStreamRequest(
      raw.path,
      raw.requestSerialize,
      raw.responseDeserialize,
      metadata,
    );
    let next = 0;
    let owed = 0;
    const send = () => {
      while (next < messages.length && owed === 0) {
        const message = messages[next++];
        if (message === undefined) break;
        owed = message.answers;
        call.write(message.bytes);
      }
      if (next === messages.length && owed === 0 && !isFullDuplex) call.end();
    };
    call.on("data", (bytes: Buffer) => {
      if (isFullDuplex) {
        // The last piece ends with end_of_stream; its encoding tells, without decoding the whole.
        if (isLastPiece(bytes)) call.end();
        return;
      }
      owed--;
      send();
    });
    call.on("error", reject);
    call.on("end", () => resolve());
    send();
  });
}

/** `end_of_stream: true` is the last field of the innermost message. */
function isLastPiece(bytes: Buffer): boolean {
  if (bytes.length > 4_096) return bytes.at(-2) === 0x10 && bytes.at(-1) === 1;
  const { response } = fromBinary(ProcessingResponseSchema, bytes);
  if (response.case !== "requestBody") return false;
  const mutation = response.value.response?.bodyMutation?.mutation;
  return mutation?.case === "streamedResponse" && mutation.value.endOfStream;
}
