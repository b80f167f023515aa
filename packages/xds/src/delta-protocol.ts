import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from "./gen/xds/discovery_pb.ts";
import { typeUrlOf } from "./kind.ts";
import type { Protocol } from "./protocol.ts";
import { createSharedBodies, headed } from "./shared-bodies.ts";

/** Delta: an answer has what has changed, each resource with a version of its own. */
export const deltaProtocol: Protocol = {
  form: "delta",
  read(bytes) {
    const from = fromBinary(DeltaDiscoveryRequestSchema, bytes);
    return {
      nodeId: from.node?.id ?? "",
      typeUrl: from.typeUrl,
      request: {
        nonce: from.responseNonce,
        ...(from.errorDetail === undefined ? {} : { error: from.errorDetail.message }),
        change: {
          form: "delta",
          subscribe: from.resourceNamesSubscribe,
          unsubscribe: from.resourceNamesUnsubscribe,
          initialVersions: new Map(Object.entries(from.initialResourceVersions)),
        },
      },
    };
  },
  write(answer) {
    const head = create(DeltaDiscoveryResponseSchema, { nonce: answer.nonce });
    return headed(toBinary(DeltaDiscoveryResponseSchema, head), bodyOf(answer).body);
  },
};

const bodyOf = createSharedBodies(({ kind, resources, removed }) => {
  const typeUrl = typeUrlOf(kind);
  const message = {
    typeUrl,
    removedResources: [...removed],
    resources: resources.map(({ name, version, value }) => ({
      ...{ name, version },
      resource: { typeUrl, value },
    })),
  };
  return toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, message));
});
