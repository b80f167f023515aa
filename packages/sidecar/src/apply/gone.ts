/** Parts that keep something about pools, endpoints or models, such as label values. */
export interface Forgetful {
  forgetGone(): void;
}

/** Tells the parts to forget, at most as often as `sweep` is called, because many changes may come in a second. */
export interface Gone {
  /** Something is gone. */
  note(): void;
  /** Call this regularly. Does nothing if nothing is gone since the last call. */
  sweep(): void;
}

export function createGone(parts: () => readonly Forgetful[]): Gone {
  let isNoted = false;
  return {
    note() {
      isNoted = true;
    },
    sweep() {
      if (!isNoted) return;
      isNoted = false;
      for (const part of parts()) part.forgetGone();
    },
  };
}
