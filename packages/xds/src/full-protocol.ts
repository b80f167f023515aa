import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from "./gen/xds/discovery_pb.ts";
import { typeUrlOf } from "./kind.ts";
import type { Protocol } from "./protocol.ts";
import { createSharedBodies, headed } from "./shared-bodies.ts";

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
    const head = create(DiscoveryResponseSchema, { versionInfo: version, nonce: answer.nonce });
    return headed(toBinary(DiscoveryResponseSchema, head), body);
  },
};

const bodyOf = createSharedBodies(({ kind, resources }) => {
  const typeUrl = typeUrlOf(kind);
  const message = { typeUrl, resources: resources.map(({ value }) => ({ typeUrl, value })) };
  return toBinary(DiscoveryResponseSchema, create(DiscoveryResponseSchema, message));
});
