/** Collects the bytes of one page in reused memory, because garbage of this size causes full collections. */
export interface PageBuffer {
  /** Clears the previous page. */
  clear(): void;
  append(chunk: Uint8Array): void;
  /** The bytes so far, as a view that is valid until the buffer is cleared. */
  bytes(): Buffer;
}

const firstBytes = 64 * 1_024;
/** Maximum spare buffers, for the pages that arrive at the same time with many endpoints. More are left to the garbage collector. */
const maxSpare = 8;
const spare: PageBuffer[] = [];

export function takePageBuffer(): PageBuffer {
  const buffer = spare.pop() ?? createPageBuffer();
  buffer.clear();
  return buffer;
}

/** Returns a buffer. Its page must not be read any more. */
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
