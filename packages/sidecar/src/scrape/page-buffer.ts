/** Gathers the bytes of one page at a time in memory that is used again, as garbage of this size costs full collections. */
export interface PageBuffer {
  /** Forgets the page before. */
  clear(): void;
  append(chunk: Uint8Array): void;
  /** The page so far: a view that holds until the buffer is cleared. */
  bytes(): Buffer;
}

const firstBytes = 64 * 1_024;
/** As many pages arrive at one time where endpoints are many; those beyond are garbage as any other. */
const maxSpare = 8;
const spare: PageBuffer[] = [];

export function takePageBuffer(): PageBuffer {
  const buffer = spare.pop() ?? createPageBuffer();
  buffer.clear();
  return buffer;
}

/** Nothing may read the page any more. */
export function givePageBufferBack(buffer: PageBuffer): void {
  if (spare.length < maxSpare) spare.push(buffer);
}

function createPageBuffer(): PageBuffer {
  let memory = Buffer.allocUnsafeSlow(firstBytes);
  let length = 0;
  return {
    clear() {
      length = 0;
    },
    append(chunk) {
      const needed = length + chunk.length;
      if (needed > memory.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * memory.length));
        memory.copy(larger, 0, 0, length);
        memory = larger;
      }
      memory.set(chunk, length);
      length = needed;
    },
    bytes: () => memory.subarray(0, length),
  };
}
