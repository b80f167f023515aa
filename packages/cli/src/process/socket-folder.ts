import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError } from "../errors.ts";
import { maxSocketPath } from "../resources/sidecar-flags.ts";

/** A folder for a Unix socket, which only this user can enter. */
export interface SocketFolder {
  /** Path of the socket, which is still to be created. */
  readonly socket: string;
  /** Removes the folder with all that is in it. */
  remove(): void;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Creates a folder whose path is short enough for a Unix socket. It is also removed if the process exits without
 * `remove`.
 *
 * @throws CommandError if no folder for temporary files can be used
 */
export function createSocketFolder(env: Env): SocketFolder {
  const folder = firstFolder([env.TMPDIR ?? tmpdir(), env.XDG_RUNTIME_DIR, "/tmp"]);
  const onExit = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", onExit);
  return {
    socket: join(folder, socketName),
    remove() {
      process.off("exit", onExit);
      onExit();
    },
  };
}

const socketName = "ads.sock";
const prefix = "umbra-";

function firstFolder(parents: readonly (string | undefined)[]): string {
  const problems: string[] = [];
  for (const parent of new Set(parents)) {
    if (parent === undefined || parent === "") continue;
    const longest = join(parent, `${prefix}XXXXXX`, socketName);
    if (Buffer.byteLength(longest) > maxSocketPath) {
      problems.push(`${parent} is too long a path for a Unix socket`);
      continue;
    }
    try {
      // With mode 0700.
      return mkdtempSync(join(parent, prefix));
    } catch (cause) {
      problems.push((cause as Error).message);
    }
  }
  throw new CommandError(
    `there is no folder for the Unix socket between Envoy and the sidecar: ${problems.join("; ")}; set TMPDIR to a folder with a short path, or use --static`,
  );
}
