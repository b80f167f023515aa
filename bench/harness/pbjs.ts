import { fileURLToPath } from "node:url";
import protobufjs, { type Type } from "protobufjs";

const proto = fileURLToPath(new URL("../../proto", import.meta.url));

/** The two messages, compiled by protobufjs from the same sources. */
export async function pbjsTypes(): Promise<{ readonly request: Type; readonly response: Type }> {
  const root = new protobufjs.Root();
  root.resolvePath = (_origin, target) => (target.startsWith("/") ? target : `${proto}/${target}`);
  await root.load("envoy/service/ext_proc/v3/external_processor.proto");
  return {
    request: root.lookupType("envoy.service.ext_proc.v3.ProcessingRequest"),
    response: root.lookupType("envoy.service.ext_proc.v3.ProcessingResponse"),
  };
}
