import { readFileSync } from "node:fs";
import {
  createFileRegistry,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Kind, messageNameOf } from "./kind.ts";
import { createResource, type Resource } from "./snapshot.ts";

/** Descriptors of Envoy's messages; `scripts/envoy-descriptors` prints them. */
const descriptors = new URL("../descriptors/envoy.binpb", import.meta.url);

/** A resource that Envoy's own definition refuses. */
export class EncodingError extends Error {
  override readonly name = "EncodingError";
  readonly kind: Kind;
  /** Name of the resource. */
  readonly resource: string;

  constructor(kind: Kind, resource: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${messageNameOf(kind)} "${resource}": ${reason}`, { cause });
    this.kind = kind;
    this.resource = resource;
  }
}

let registry: FileRegistry | undefined;

/**
 * Encodes a resource from its JSON form, as Envoy's documentation and `config_dump` have it. Field names may be in
 * `snake_case` or `camelCase`; wrapped values are written plainly (`true`, not `{value: true}`).
 *
 * The first call reads 160 KB of descriptors.
 *
 * @throws EncodingError for unknown fields and wrong values
 */
export function encodeResource(kind: Kind, name: string, json: unknown): Resource {
  try {
    return createResource(name, encodeMessage(messageNameOf(kind), json), addressOf(kind, json));
  } catch (cause) {
    throw new EncodingError(kind, name, cause);
  }
}

/**
 * Encodes a message of Envoy from its JSON form.
 *
 * @throws Error for unknown fields and wrong values
 */
export function encodeMessage(typeName: string, json: unknown): Uint8Array<ArrayBuffer> {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  const schema = registry.getMessage(typeName);
  if (schema === undefined) throw new Error(`there is no descriptor of ${typeName}`);
  return toBinary(schema, fromJson(schema, json as JsonValue, { registry }));
}

/** Internal listeners have none. */
function addressOf(kind: Kind, json: unknown): string | undefined {
  const { address } = json as { readonly address?: unknown };
  return kind === "lds" && address !== undefined ? JSON.stringify(address) : undefined;
}
