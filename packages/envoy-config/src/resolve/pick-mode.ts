import { didYouMean } from "../nearest.ts";
import { flagOf } from "../resource-ref.ts";
import {
  modelAnnotation,
  modelHeaderAnnotation,
  pickModeAnnotation,
} from "../resources/annotations.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { PickMode, Pool } from "../topology.ts";

export const pickModes: readonly PickMode[] = ["headers", "buffered", "duplex"];

/** Whatever stands here can't be sent by a client: Envoy takes it away before a filter sees it. */
const reserved = /^(x-umbra-|x-gateway-destination-endpoint)/;
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/;

/** True for the name of a mode. */
export function isPickMode(text: string): text is PickMode {
  return (pickModes as readonly string[]).includes(text);
}

export interface PickModeOptions {
  /** By resource name or `namespace/name`; they win over annotations. */
  readonly flags: ReadonlyMap<string, PickMode>;
  readonly report: Report;
}

/** What a pool's annotations and the flags ask for, and where its requests' model stands beside the body. */
export function askedPickMode(
  { namespace, name, annotations, annotationPlace }: Meta,
  models: Pool["models"],
  { flags, report }: PickModeOptions,
): Pick<Pool, "pickMode" | "modelHeader" | "onlyModel"> {
  const tell = (annotation: string, message: string, extras: { readonly remedy?: string }) => {
    const text = `annotation ${annotation} of "${name}": ${message}`;
    report("error", "UMB0212", annotationPlace(annotation), text, extras);
  };
  const annotated = annotations[pickModeAnnotation];
  let mode = flagOf(flags, { namespace, name });
  if (annotated !== undefined && !isPickMode(annotated)) {
    const message = `"${annotated.slice(0, 64)}" is none of ${pickModes.join(", ")}`;
    tell(pickModeAnnotation, message, didYouMean(annotated, pickModes, '"'));
  } else mode ??= annotated;
  const header = annotations[modelHeaderAnnotation]?.toLowerCase();
  const isHeader = header !== undefined && headerName.test(header) && !reserved.test(header);
  if (header !== undefined && !isHeader) {
    const why = reserved.test(header) ? "clients can't send it" : "it is no header's name";
    tell(modelHeaderAnnotation, `"${header.slice(0, 64)}" can't be read, ${why}`, {
      remedy: "name a header that clients or a filter before Umbra set, such as x-model",
    });
  }
  const only = annotations[modelAnnotation] ?? (models.length === 1 ? models[0]?.name : undefined);
  return {
    pickMode: mode ?? "buffered",
    ...(isHeader ? { modelHeader: header } : {}),
    ...(only === undefined ? {} : { onlyModel: only }),
  };
}
