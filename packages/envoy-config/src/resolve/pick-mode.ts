import { didYouMean } from "../nearest.ts";
import { flagOf } from "../resource-ref.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { PickMode, Pool } from "../topology.ts";

export const pickModes: readonly PickMode[] = ["headers", "buffered", "duplex"];

export const modeAnnotation = "umbra.dev/pick-mode";
export const headerAnnotation = "umbra.dev/model-header";
export const modelAnnotation = "umbra.dev/model";

/** Clients can't send these headers: Envoy removes them before any filter sees them. */
const reserved = /^(x-umbra-|x-gateway-destination-endpoint)/;
const headerName = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/;

/** True if the text is the name of a mode. */
export function isPickMode(text: string): text is PickMode {
  return (pickModes as readonly string[]).includes(text);
}

export interface PickModeOptions {
  /** Flag values, by resource name or `namespace/name`. They override annotations. */
  readonly flags: ReadonlyMap<string, PickMode>;
  readonly report: Report;
}

/** Reads the requested pick mode from a pool's annotations and flags, and where to find the model if the body is not read. */
export function requestedPickMode(
  { namespace, name, annotations, annotationPlace }: Meta,
  models: Pool["models"],
  { flags, report }: PickModeOptions,
): Pick<Pool, "pickMode" | "modelHeader" | "onlyModel"> {
  const tell = (annotation: string, message: string, extras: { readonly remedy?: string }) => {
    const text = `annotation ${annotation} of "${name}": ${message}`;
    report("error", "UMB0212", annotationPlace(annotation), text, extras);
  };
  const annotated = annotations[modeAnnotation];
  let mode = flagOf(flags, { namespace, name });
  if (annotated !== undefined && !isPickMode(annotated)) {
    const message = `"${annotated.slice(0, 64)}" is not one of ${pickModes.join(", ")}`;
    tell(modeAnnotation, message, didYouMean(annotated, pickModes, '"'));
  } else mode ??= annotated;
  const header = annotations[headerAnnotation]?.toLowerCase();
  const isHeader = header !== undefined && headerName.test(header) && !reserved.test(header);
  if (header !== undefined && !isHeader) {
    const why = reserved.test(header) ? "clients can't send it" : "it is not a valid header name";
    tell(headerAnnotation, `"${header.slice(0, 64)}" can't be used: ${why}`, {
      remedy: "use a header that clients or an earlier filter set, such as x-model",
    });
  }
  const only = annotations[modelAnnotation] ?? (models.length === 1 ? models[0]?.name : undefined);
  return {
    pickMode: mode ?? "buffered",
    ...(isHeader ? { modelHeader: header } : {}),
    ...(only === undefined ? {} : { onlyModel: only }),
  };
}
