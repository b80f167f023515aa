import {
  create,
  type DescFile,
  type DescService,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { type Call, type Method, statusCode } from "./method.ts";
import { methodPath } from "./method-path.ts";
import { parseMessage } from "./parse-message.ts";

type Response = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

/**
 * Most requests per call. A tool needs the services and a few files, and answers are thousands of times larger than
 * requests.
 */
const maxRequests = 100;
/** Most calls of all clients together. */
const maxCalls = 2;

/**
 * gRPC reflection for these services and itself, so that tools such as grpcurl work without the proto files. Old tools
 * use `v1alpha`, which has the same messages.
 */
export function reflectionMethods(served: readonly DescService[]): ReadonlyMap<string, Method> {
  const services = [...served, ServerReflection];
  const files = withImports(services.map(({ file }) => file));

  function answer({ messageRequest }: ServerReflectionRequest): Response {
    switch (messageRequest.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename": {
        const found = files.find(({ name }) => `${name}.proto` === messageRequest.value);
        return found === undefined ? notFound("file") : descriptors(found);
      }
      case "fileContainingSymbol": {
        const found = files.find((file) => symbolsOf(file).has(messageRequest.value));
        return found === undefined ? notFound("symbol") : descriptors(found);
      }
      default:
        return notFound("extension");
    }
  }

  const calls = new Set<Call>();
  const method: Method = (call) => {
    let asked = 0;
    if (calls.size >= maxCalls)
      call.fail(statusCode.resourceExhausted, "too many reflection calls at once");
    else calls.add(call);
    return {
      onMessage(bytes) {
        if (++asked > maxRequests) {
          call.fail(
            statusCode.resourceExhausted,
            `a call may have at most ${maxRequests} requests`,
          );
          return;
        }
        const request = parseMessage(ServerReflectionRequestSchema, bytes);
        const response = create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(request),
        });
        call.send([toBinary(ServerReflectionResponseSchema, response)]);
      },
      onEnd: () => call.end(),
      onClose: () => void calls.delete(call),
    };
  };
  const path = methodPath(ServerReflection.method.serverReflectionInfo);
  return new Map([
    [path, method],
    [path.replace(".v1.", ".v1alpha."), method],
  ]);
}

/** The file, then its imports, so that a tool needs no further request. */
function descriptors(file: DescFile): Response {
  const fileDescriptorProto = withImports([file]).map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(what: string): Response {
  const value = { errorCode: statusCode.notFound, errorMessage: `unknown ${what}` };
  return { case: "errorResponse", value };
}

function withImports(files: readonly DescFile[]): readonly DescFile[] {
  const all = new Set<DescFile>();
  const add = (file: DescFile) => {
    if (all.has(file)) return;
    all.add(file);
    file.dependencies.forEach(add);
  };
  files.forEach(add);
  return [...all];
}

function symbolsOf({ messages, services, enums }: DescFile): ReadonlySet<string> {
  return new Set([
    ...messages.flatMap((message) => [
      message.typeName,
      ...[...message.nestedMessages, ...message.nestedEnums].map(({ typeName }) => typeName),
    ]),
    ...enums.map(({ typeName }) => typeName),
    ...services.flatMap((service) => [
      service.typeName,
      ...service.methods.map(({ name }) => `${service.typeName}.${name}`),
    ]),
  ]);
}
