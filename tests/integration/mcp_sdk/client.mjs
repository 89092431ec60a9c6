// SPDX-License-Identifier: Apache-2.0
// The official client of the Model Context Protocol against a real `cordon mcp`. Its own schemas check
// every answer, and structured results against the schemas that the tools announce.
// Usage: node client.mjs CORDON WORKSPACE TRACE

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [cordon, workspace, trace] = process.argv.slice(2);
const transport = new StdioClientTransport({
	command: cordon,
	args: ["mcp", "--workspace", workspace, "--trace", trace],
	env: process.env,
	stderr: "pipe",
});
let said = "";
transport.stderr.on("data", (bytes) => (said += bytes));
const client = new Client({ name: "sdk-test", version: "1" });
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);

await client.connect(transport);
assert.equal(client.getServerVersion().name, "cordon");
assert.match(client.getInstructions(), /sandboxed/);
await client.ping();

const { tools } = await client.listTools();
assert.deepEqual(
	tools.map((tool) => tool.name),
	["bash", "python", "read_file", "write_file", "list_directory"],
);

let result = await call("write_file", { path: "a/hello.txt", content: "hello, grüße\n" });
assert.ok(!result.isError, result.content[0].text);
result = await call("read_file", { path: "a/hello.txt" });
assert.equal(result.content[0].text, "hello, grüße\n");
result = await call("list_directory", { path: "a" });
assert.match(result.content[0].text, /hello\.txt/);
result = await call("python", { code: "print(2 ** 10)" });
assert.equal(result.structuredContent.output, "1024\n");
result = await call("bash", { command: "echo out; exit 4" });
assert.ok(result.isError);
assert.equal(result.structuredContent.exit_code, 4);

result = await call("bash", { command: "exec 3<>/dev/tcp/169.254.169.254/80" });
assert.ok(result.isError);
assert.match(result.content[0].text, /^Denied by [a-z.-]+: net\.connect 169\.254\.169\.254 port 80/);
assert.equal(result.structuredContent.denied[0].kind, "net.connect");

result = await call("bash", {});
assert.ok(result.isError);
assert.match(result.content[0].text, /command/);
await assert.rejects(call("no_such_tool", {}), (error) => error.code === -32602);
await assert.rejects(client.listResources(), /not support|-32601/);

const many = await Promise.all([...Array(20).keys()].map((i) => call("bash", { command: `echo ${i}` })));
assert.deepEqual(
	many.map((r) => r.content[0].text),
	[...Array(20).keys()].map((i) => `${i}\n`),
);

const abort = new AbortController();
const long = call("bash", { command: "sleep 60" }, { signal: abort.signal });
setTimeout(() => abort.abort("enough"), 200);
await assert.rejects(long, /enough/);
result = await call("bash", { command: "echo still here" });
assert.equal(result.content[0].text, "still here\n");

const start = Date.now();
await client.close();
assert.ok(Date.now() - start < 1900, "the server ends when its stdin does, without a signal");
assert.match(said, /record \S+;/);
console.log("the official client takes what cordon mcp says");
