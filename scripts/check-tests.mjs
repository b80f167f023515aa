// Holds tests to three rules: every test asserts something; no assertion hangs on an `if`; no loop waits without a limit.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("..", import.meta.url));

function testFiles() {
  return ["packages", "e2e", "scripts", "sim", "testing"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map((path) => join(folder, path))
      .filter((path) => /\.(?:test|slow)\.m?ts$|\.test\.mjs$/.test(path))
      .filter((path) => !/(?:^|\/)node_modules\//.test(path)),
  );
}

/**
 * @param {string} file its name, for the parser
 * @param {string} text
 * @returns {readonly string[]} faults, as `line:column what is wrong`
 */
export function checkTests(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const asserting = functionsThatAssert(source);
  const faults = [];
  const add = (node, words) => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source));
    faults.push(`${line + 1}:${character + 1} ${words}`);
  };
  visit(source, (node) => {
    const callback = testCallback(node);
    if (callback !== undefined && !asserts(callback, asserting))
      add(node, "this test asserts nothing");
    if (isExpect(node) && isBehindIf(node))
      add(node, "an assertion inside an `if` may never run: assert the condition too");
    if (isLoop(node) && waits(node) && !hasLimit(node))
      add(node, "this loop waits without a limit: use `until` with one");
  });
  return faults;
}

const testNames = new Set(["test", "it", "nightTest"]);

/** The body of `test("…", body)`, `test.each(…)("…", body)`, `test.only(…)`. */
function testCallback(node) {
  if (!ts.isCallExpression(node) || !testNames.has(rootName(node.expression))) return undefined;
  if (!ts.isExpressionStatement(node.parent)) return undefined;
  return node.arguments.find((each) => ts.isArrowFunction(each) || ts.isFunctionExpression(each));
}

function rootName(node) {
  if (ts.isIdentifier(node)) return node.text;
  if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node))
    return rootName(node.expression);
  if (ts.isTaggedTemplateExpression(node)) return rootName(node.tag);
  if (ts.isParenthesizedExpression(node)) return rootName(node.expression);
  if (ts.isConditionalExpression(node)) return rootName(node.whenTrue);
  return "";
}

/** `expect(…)` itself, not a chain after it; `expect.any(…)` makes no assertion. */
function isExpect(node) {
  return (
    ts.isCallExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === "expect"
  );
}

/** Calls that throw where what they are given does not hold: of fast-check, and functions named so in our tests. */
const assertingCall = /^(?:assert|expect|until|check|hold|refuse)|Holds$|Throws$/;

function asserts(node, asserting) {
  let found = false;
  visit(node, (each) => {
    if (isExpect(each) || ts.isThrowStatement(each)) found = true;
    if (!ts.isCallExpression(each)) return;
    const name = ts.isPropertyAccessExpression(each.expression)
      ? each.expression.name.text
      : ts.isIdentifier(each.expression)
        ? each.expression.text
        : "";
    if (asserting.has(name) || assertingCall.test(name)) found = true;
  });
  return found;
}

/** Names of the file's own functions that assert, or call one that does. */
function functionsThatAssert(source) {
  const bodies = new Map();
  visit(source, (node) => {
    if (ts.isFunctionDeclaration(node) && node.name) bodies.set(node.name.text, node);
    if (ts.isVariableDeclaration(node) && node.initializer && ts.isIdentifier(node.name))
      if (ts.isArrowFunction(node.initializer) || ts.isFunctionExpression(node.initializer))
        bodies.set(node.name.text, node.initializer);
  });
  const found = new Set();
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [name, body] of bodies) if (asserts(body, found)) found.add(name);
  }
  return found;
}

function isBehindIf(node) {
  for (let at = node; at.parent !== undefined; at = at.parent) {
    if (ts.isFunctionLike(at)) return false;
    if (ts.isIfStatement(at.parent) && at !== at.parent.expression) return true;
  }
  return false;
}

function isLoop(node) {
  return ts.isWhileStatement(node) || ts.isDoStatement(node) || ts.isForStatement(node);
}

const waitNames = new Set(["sleep", "setTimeout", "setImmediate", "delay"]);

function waits(loop) {
  let found = false;
  visit(loop, (node) => {
    if (!ts.isAwaitExpression(node)) return;
    visit(node, (each) => {
      if (ts.isCallExpression(each) && waitNames.has(rootName(each.expression))) found = true;
    });
  });
  return found;
}

/** A counter, or a time that is compared. */
function hasLimit(loop) {
  const condition = ts.isForStatement(loop) ? loop.condition : loop.expression;
  let found = false;
  const look = (node) => {
    if (!ts.isBinaryExpression(node)) return;
    const { kind } = node.operatorToken;
    if (
      kind === ts.SyntaxKind.LessThanToken ||
      kind === ts.SyntaxKind.LessThanEqualsToken ||
      kind === ts.SyntaxKind.GreaterThanToken ||
      kind === ts.SyntaxKind.GreaterThanEqualsToken
    )
      found = true;
  };
  if (condition !== undefined) visit(condition, look);
  visit(loop.statement, (node) => {
    if (ts.isIfStatement(node)) visit(node.expression, look);
  });
  return found;
}

function visit(node, look) {
  look(node);
  ts.forEachChild(node, (each) => visit(each, look));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = testFiles();
  const faults = files.flatMap((file) =>
    checkTests(file, readFileSync(join(root, file), "utf8")).map((fault) => `${file}:${fault}`),
  );
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  if (faults.length > 0) process.exit(1);
  process.stdout.write(`tests: ${files.length} files assert in every test, and wait with limits\n`);
}
