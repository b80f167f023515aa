import { open } from "node:fs/promises";
import type { Logger } from "pino";

/** The API key of Umbra's own requests to endpoints. It never appears in messages or logs. */
export interface EndpointKey {
  /** Value of the `authorization` header. */
  authorization(): string;
  close(): void;
}

/** A key read from a file. */
export interface ReadKey {
  readonly key: string;
  /** True if every user of the machine can read the file. */
  readonly isOpenToAll: boolean;
}

const maxKeyBytes = 8_192;
/** Characters that a header can carry, on one line. */
const keyForm = /^[!-~]+$/;
const writableByAll = 0o002;
const readableByAll = 0o004;

/** Reads a key from a file. Throws an Error that names the file but not its content. */
export async function readEndpointKey(file: string): Promise<ReadKey> {
  const handle = await open(file, "r").catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`${file} can't be read: ${cause.code}`, { cause });
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error(`${file} is not a file`);
    if (stats.size > maxKeyBytes) throw new Error(`${file} is larger than ${maxKeyBytes} bytes`);
    if ((stats.mode & writableByAll) !== 0) {
      throw new Error(`every user can write ${file}: chmod o-w ${file}`);
    }
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxKeyBytes), 0, maxKeyBytes, 0);
    const key = buffer.subarray(0, bytesRead).toString("latin1").trim();
    if (!keyForm.test(key))
      throw new Error(`${file} must contain one key, on one line without blanks`);
    return { key, isOpenToAll: (stats.mode & readableByAll) !== 0 };
  } finally {
    await handle.close();
  }
}

const checkEveryMs = 2_000;

/** Reads the key, and reloads it when the file changes. If the new key is invalid, keeps the old one. */
export async function openEndpointKey(file: string, log: Logger): Promise<EndpointKey> {
  let { key, isOpenToAll } = await readEndpointKey(file);
  if (isOpenToAll) log.warn({ file }, "every user of this machine can read the endpoint key");
  let lastProblem: string | undefined;
  let isClosed = false;

  async function check(): Promise<void> {
    try {
      const next = await readEndpointKey(file);
      if (next.key !== key) log.info({ file }, "the endpoint key has changed");
      key = next.key;
      lastProblem = undefined;
    } catch (cause) {
      const { message } = cause as Error;
      if (message !== lastProblem) {
        log.warn({ file, reason: message }, "can't reload the endpoint key: keeping the old one");
      }
      lastProblem = message;
    }
    if (!isClosed) timer.refresh();
  }

  // Polls, because a mounted Secret changes through a symbolic link, which a file watch would miss.
  const timer = setTimeout(() => void check(), checkEveryMs).unref();
  return {
    authorization: () => `Bearer ${key}`,
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
