import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingRequestSchema,
  type ProcessingResponse,
} from "@umbra/ext-proc/internal";
import { methodDefinition } from "../../grpc/test/method-definition.ts";

const definition = methodDefinition(ExternalProcessor.method.process);
const modes = {
  NONE: 0,
  STREAMED: 1,
  BUFFERED: 2,
  BUFFERED_PARTIAL: 3,
  FULL_DUPLEX_STREAMED: 4,
} as const;

type Message = MessageInitShape<typeof ProcessingRequestSchema>;

/** A stream of a third-party gateway, without identifying metadata. */
export interface ForeignStream {
  send(message: Message): void;
  /** Waits for the next answer. */
  next(): Promise<ProcessingResponse>;
  /** Ends the request. */
  end(): Promise<void>;
}

export interface ForeignRequest {
  /** `FULL_DUPLEX_STREAMED` when absent. */
  readonly mode?: keyof typeof modes;
  /** True if the gateway announces its mode; true when absent. */
  readonly tellsMode?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Undefined: no body. */
  readonly body?: string | Uint8Array;
  /** Metadata of every message, by namespace. */
  readonly metadata?: Readonly<Record<string, JsonObject>>;
}

/** The result after a gateway applied the answers. */
export interface ForeignAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
  readonly metadata: JsonObject | undefined;
  /** Set if the client is answered immediately. */
  readonly reply:
    | {
        readonly status: number;
        readonly headers: Readonly<Record<string, string>>;
        readonly body: string;
      }
    | undefined;
  /** The body for the endpoint. */
  readonly body: string | undefined;
  readonly stream: ForeignStream;
}

export interface ForeignGateway {
  open(): ForeignStream;
  request(of: ForeignRequest): Promise<ForeignAnswer>;
  close(): void;
}

export function createForeignGateway(address: string): ForeignGateway {
  const client = new Client(address, credentials.createInsecure());
  const open = () =>
    foreignStream(
      client.makeBidiStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize as (bytes: Buffer) => ProcessingResponse,
        new Metadata(),
      ),
    );
  return {
    open,
    request: (of) => request(open(), of),
    close: () => client.close(),
  };
}

function foreignStream(call: ClientDuplexStream<ProcessingRequest, ProcessingResponse>) {
  const answers: ProcessingResponse[] = [];
  const waiting: ((answer: ProcessingResponse) => void)[] = [];
  call.on("data", (answer: ProcessingResponse) => {
    // Requests more time without an answer.
    if (answer.overrideMessageTimeout !== undefined) return;
    const taker = waiting.shift();
    if (taker === undefined) answers.push(answer);
    else taker(answer);
  });
  const ended = new Promise<void>((resolve) => {
    call.once("end", resolve);
    call.once("error", () => resolve());
  });
  return {
    send: (message: Message) => {
      call.write(create(ProcessingRequestSchema, message));
    },
    next: async () => {
      const answer = answers.shift();
      return answer ?? new Promise<ProcessingResponse>((resolve) => waiting.push(resolve));
    },
    async end() {
      call.end();
      await ended;
    },
  };
}

async function request(
  stream: ForeignStream,
  {
    mode = "FULL_DUPLEX_STREAMED",
    tellsMode = true,
    headers = {},
    body,
    metadata = {},
  }: ForeignRequest,
): Promise<ForeignAnswer> {
  const metadataContext = { filterMetadata: metadata };
  const all = { ":method": body === undefined ? "GET" : "POST", ...headers };
  stream.send({
    request: {
      case: "requestHeaders",
      value: { headers: headerMap(all), endOfStream: body === undefined },
    },
    metadataContext,
    ...(tellsMode
      ? { protocolConfig: { requestBodyMode: modes[mode], responseBodyMode: modes[mode] } }
      : {}),
  });
  const isDuplex = mode === "FULL_DUPLEX_STREAMED";
  const needsTwo = body !== undefined && (mode === "BUFFERED" || mode === "BUFFERED_PARTIAL");
  let answer = isDuplex && body !== undefined ? undefined : await stream.next();
  if (body !== undefined && answer?.response.case !== "immediateResponse" && mode !== "NONE") {
    stream.send({
      request: { case: "requestBody", value: { body: Buffer.from(body), endOfStream: true } },
      metadataContext,
    });
    if (answer === undefined || needsTwo) answer = await stream.next();
    else await stream.next();
  }
  const { response, dynamicMetadata } = answer as ProcessingResponse;
  if (response.case === "immediateResponse") {
    const { status, headers: set, body: text } = response.value;
    return {
      headers: {},
      removed: [],
      metadata: dynamicMetadata,
      reply: {
        status: status?.code ?? 0,
        headers: namesAndValues(set?.setHeaders ?? []),
        body: Buffer.from(text).toString(),
      },
      body: undefined,
      stream,
    };
  }
  const common =
    response.case === "requestHeaders" || response.case === "requestBody"
      ? response.value.response
      : undefined;
  return {
    headers: namesAndValues(common?.headerMutation?.setHeaders ?? []),
    removed: common?.headerMutation?.removeHeaders ?? [],
    metadata: dynamicMetadata,
    reply: undefined,
    body:
      isDuplex && body !== undefined
        ? await wholeBody(stream)
        : common?.bodyMutation?.mutation.case === "body"
          ? Buffer.from(common.bodyMutation.mutation.value).toString()
          : body?.toString(),
    stream,
  };
}

async function wholeBody(stream: ForeignStream): Promise<string> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { response } = await stream.next();
    if (response.case !== "requestBody") throw new Error(`expected a body, got ${response.case}`);
    const mutation = response.value.response?.bodyMutation?.mutation;
    if (mutation?.case !== "streamedResponse") throw new Error("expected a piece of the body");
    pieces.push(mutation.value.body);
    if (mutation.value.endOfStream) return Buffer.concat(pieces).toString();
  }
}

export function headerMap(headers: Readonly<Record<string, string>>) {
  return {
    headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: Buffer.from(value) })),
  };
}

function namesAndValues(
  set: readonly {
    readonly header?: { readonly key: string; readonly rawValue: Uint8Array } | undefined;
  }[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    set.map(({ header }) => [header?.key ?? "", Buffer.from(header?.rawValue ?? []).toString()]),
  );
}
