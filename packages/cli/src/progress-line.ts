import type { Io } from "./io.ts";

/** A progress line: overwritten in place on a terminal, printed every few seconds elsewhere. */
export interface ProgressLine {
  show(words: string): void;
  end(): void;
}

const plainIntervalMs = 5_000;

export function progressLine(io: Io): ProgressLine {
  let lastMs = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  return {
    show(words) {
      if (io.isTerminal) {
        io.stderr(`\r\x1b[K${words}`);
        isOpen = true;
        return;
      }
      if (performance.now() - lastMs < plainIntervalMs) return;
      lastMs = performance.now();
      io.stderr(`${words}\n`);
    },
    end() {
      if (isOpen) io.stderr("\n");
      isOpen = false;
    },
  };
}
