// Reads an AsyncAPI document on stdin with the official parser; prints its diagnostics and what it found, as JSON.
"use strict";
const { Parser } = require("@asyncapi/parser");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { document, diagnostics } = await new Parser().parse(Buffer.concat(chunks).toString());
  const channels = document ? document.channels().all() : [];
  process.stdout.write(
    JSON.stringify({
      diagnostics: diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity })),
      channels: Object.fromEntries(channels.map((each) => [each.id(), each.messages().all().map((m) => m.id())])),
    }),
  );
}

main();
