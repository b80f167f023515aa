/** Frames of HTTP/2 as bytes, to say what no library would. */
export function frame(type: number, flags: number, stream: number, payload = noBytes): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const noBytes = Buffer.alloc(0);

/** What a client begins with. */
export const preface = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  frame(4, 0, 0),
]);

/** A header block of literal fields; names and values are shorter than 127 bytes. */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer<ArrayBuffer> {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
}

/** A gRPC message with its prefix. */
export function grpcMessage(message: Buffer, compressedFlag: 0 | 1): Buffer<ArrayBuffer> {
  const head = Buffer.alloc(5);
  head[0] = compressedFlag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
