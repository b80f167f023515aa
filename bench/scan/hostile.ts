/** A body that is made to take long: `head`, many times `unit`, `tail`. */
export interface HostileBody {
  readonly name: string;
  readonly of: (bytes: number) => Buffer;
}

const head = '{"model":"m",';
const tail = '"z":1}';

/** Bodies of members, values, escapes and white space, as many as fit. */
export const hostileBodies: readonly HostileBody[] = [
  hostile("one long string", "x", `${head}"p":"`, '"}'),
  hostile("white space", " "),
  hostile("line ends", "\r\n"),
  hostile('members "a":1,', '"a":1,'),
  hostile('members "":1,', '"":1,'),
  hostile("the model again and again", '"model":"m",'),
  hostile("escaped keys", '"\\u0061":1,'),
  hostile("shortest escaped keys", '"\\/":1,'),
  hostile("long escaped keys", `"${"\\u0061".repeat(21)}":1,`),
  hostile("nested members", '"a":1,', `${head}"x":{`, '"z":1}}'),
  hostile("nested escaped keys", '"\\/":1,', `${head}"x":{`, '"z":1}}'),
  hostile("empty lists", "[],", `${head}"x":[`, "1]}"),
  hostile("empty strings", '"",', `${head}"x":[`, "1]}"),
  hostile("messages", '{"role":"user"},', `${head}"messages":[`, "1]}"),
  hostile("messages with escaped keys", '{"\\/":1},', `${head}"messages":[`, "1]}"),
  hostile("numbers", "1,", `${head}"x":[`, "1]}"),
  hostile("one number", "1", `${head}"x":`, "}"),
  hostile("max_tokens of many digits", "1", `${head}"max_tokens":`, "}"),
  hostile("escapes", "\\n", `${head}"p":"`, '"}'),
  hostile("an escape every 9 bytes", "\\naaaaaaa", `${head}"p":"`, '"}'),
  hostile("an escape every 5 bytes", "\\naaa", `${head}"p":"`, '"}'),
  hostile("an escape every 3 bytes", "\\na", `${head}"p":"`, '"}'),
  hostile("no UTF-8 at the end", "é", `${head}"p":"`, '\xff"}'),
  hostile("open brackets", "[", `${head}"x":`, ""),
];

function hostile(name: string, unit: string, before = head, after = tail): HostileBody {
  return {
    name,
    of(bytes) {
      const [first, last] = [Buffer.from(before), Buffer.from(after, "latin1")];
      const piece = Buffer.from(unit);
      const count = Math.floor((bytes - first.length - last.length) / piece.length);
      return Buffer.concat([first, Buffer.alloc(count * piece.length, piece), last]);
    },
  };
}
