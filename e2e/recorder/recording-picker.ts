import { deflateRawSync } from "node:zlib";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import {
  type Answer,
  createObserveStream,
  createPickStream,
  ExternalProcessor,
  type RequestMessage,
  readRequestMessage,
} from "@umbra/ext-proc/internal";
import {
  type RecordedMessage,
  type Recording,
  recordedExchange,
} from "../../packages/ext-proc/test/recording.ts";
import { messageBytes } from "../../packages/grpc/test/message-bytes.ts";

/** A stream that continues or has ended. */
export interface Taken {
  readonly messages: readonly RecordedMessage[];
  /** Bytes of bodies, both ways, that Envoy has sent. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly end: Recording["end"] | undefined;
}

/** An ext_proc server that answers as ours does and keeps what it is sent. */
export interface RecordingPicker {
  readonly port: number;
  /** The stream of a mode's case, as its header names it; undefined before it has begun. */
  taken(id: string): Taken | undefined;
  close(): void;
}

/** The header that tells a request's mode and case. */
export const caseHeader = "x-case";
/** A longer message is kept deflated. */
const longMessage = 4_096;

export async function startRecordingPicker(): Promise<RecordingPicker> {
  const streams = new Map<string, { -readonly [K in keyof Taken]: Taken[K] }>();
  const server = new Server({ "grpc.max_receive_message_length": -1 });
  const same = (bytes: Buffer) => bytes;

  function process(call: ServerDuplexStream<Buffer, Buffer>): void {
    const messages: RecordedMessage[] = [];
    const taken = { messages, requestBytes: 0, responseBytes: 0, end: undefined as Taken["end"] };
    let answered = 0;
    const send = (answers: readonly Answer[]) => {
      answered += answers.length;
      for (const answer of answers) call.write(Buffer.from(messageBytes(answer)));
    };
    const end = (how: Recording["end"]) => {
      taken.end ??= how;
      call.end();
    };
    let receive: ((message: RequestMessage) => void) | undefined;
    call.on("data", (bytes: Buffer) => {
      messages.push(recorded(answered, bytes));
      const message = readRequestMessage(bytes);
      if (receive === undefined) {
        streams.set(message.headers.get(caseHeader) ?? "", taken);
        receive = receiver(message, send, () => end("server"));
      }
      if (message.part === "requestBody") taken.requestBytes += message.body.length;
      if (message.part === "responseBody") taken.responseBytes += message.body.length;
      receive(message);
    });
    call.on("end", () => end("half-close"));
    call.on("cancelled", () => end("reset"));
    call.on("error", () => end("reset"));
  }

  server.addService(
    {
      process: {
        path: `/${ExternalProcessor.typeName}/Process`,
        requestStream: true,
        responseStream: true,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    { process },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    taken: (id) => streams.get(id),
    close: () => server.forceShutdown(),
  };
}

function receiver(
  { isCopy }: RequestMessage,
  send: (answers: readonly Answer[]) => void,
  end: () => void,
): (message: RequestMessage) => void {
  if (isCopy) {
    const stream = createObserveStream({});
    return (message) => {
      if (stream.receive(message)) end();
    };
  }
  const tooLarge = () => {
    return { kind: "reply" as const, status: 413, headers: [], body: "{}", details: "too_large" };
  };
  const options = { maxBodyBytes: 1_048_576, tooLarge };
  const stream = createPickStream(recordedExchange(), options, {
    send,
    broken(cause) {
      throw cause;
    },
  });
  return (message) => send(stream.receive(message));
}

function recorded(after: number, bytes: Buffer): RecordedMessage {
  return bytes.length > longMessage
    ? { after, deflated: deflateRawSync(bytes, { level: 9 }).toString("base64") }
    : { after, bytes: bytes.toString("base64") };
}
