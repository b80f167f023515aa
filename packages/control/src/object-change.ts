import type { JsonObject, ObjectId } from "@umbra/envoy-config";

/** What has happened to an object of an API server. */
export type ObjectChange =
  /** It is there, with this content: plain JSON. */
  | { readonly type: "put"; readonly object: JsonObject }
  | { readonly type: "gone"; readonly id: ObjectId };
