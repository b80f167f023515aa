import { lstatSync, rmSync } from "node:fs";
import { connect } from "node:net";
import type { ListenAddress } from "./listen-address.ts";

/** Removes the Unix socket that a process which was killed has left behind; one that somebody listens on stays. */
export async function removeStaleSocket(address: ListenAddress): Promise<void> {
  if (address.kind !== "unix") return;
  const { path } = address;
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isInUse = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const tell = (inUse: boolean) => {
      socket.destroy();
      resolve(inUse);
    };
    socket.on("connect", () => tell(true));
    socket.on("error", () => tell(false));
  });
  if (!isInUse) rmSync(path, { force: true });
}
