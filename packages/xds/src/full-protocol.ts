import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { HeadedMessage } from "@umbra/grpc";
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from "./gen/xds/discovery_pb.ts";
import { isWhole, typeUrlOf } from "./kind.ts";
import type { Protocol } from "./protocol.ts";
import type { Answer } from "./session.ts";
import { versionOf } from "./snapshot.ts";

/** State of the world: an answer has the resources themselves, and one version for all of them. */
export const fullProtocol: Protocol = {
  form: "full",
  read(bytes) {
    const from = fromBinary(DiscoveryRequestSchema, bytes);
    return {
      nodeId: from.node?.id ?? "",
      typeUrl: from.typeUrl,
      request: {
        nonce: from.responseNonce,
        ...(from.errorDetail === undefined ? {} : { error: from.errorDetail.message }),
        change: { form: "full", names: from.resourceNames, version: from.versionInfo },
      },
    };
  },
  write(answer) {
    const { body, version } = bodyOf(answer);
    const head = toBinary(
      DiscoveryResponseSchema,
      create(DiscoveryResponseSchema, { versionInfo: version, nonce: answer.nonce }),
    );
    return {
      body,
      writeHead(into, end) {
        into.set(head, end - head.length);
        return end - head.length;
      },
    } satisfies HeadedMessage;
  },
};

interface Body {
  readonly body: Uint8Array;
  readonly version: string;
}

/** The newest body of each whole kind: many clients that connect at once share it. */
const shared = new Map<string, Body>();

/** All of an answer but its nonce and version. */
function bodyOf({ kind, resources }: Answer): Body {
  const version = versionOf(resources);
  const held = shared.get(kind);
  if (held?.version === version) return held;
  const typeUrl = typeUrlOf(kind);
  const body = toBinary(
    DiscoveryResponseSchema,
    create(DiscoveryResponseSchema, {
      typeUrl,
      resources: resources.map(({ value }) => ({ typeUrl, value })),
    }),
  );
  const made = { body, version };
  if (isWhole(kind)) shared.set(kind, made);
  return made;
}
