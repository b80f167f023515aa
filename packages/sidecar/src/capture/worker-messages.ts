import type { HeldCapture } from "./capture-sink.ts";
import type { CaptureStoreOptions } from "./capture-store.ts";

/** What the thread that stores captures needs at its start. */
export type CaptureSetup = Omit<CaptureStoreOptions, "onTrouble">;

export type ToCaptureWorker =
  | { readonly kind: "offer"; readonly score: number; readonly capture: HeldCapture }
  | { readonly kind: "expire" }
  | { readonly kind: "close" };

export type FromCaptureWorker =
  /** A message was handled. */
  | { readonly kind: "done"; readonly count: number; readonly leastScore: number }
  | { readonly kind: "trouble"; readonly message: string };
