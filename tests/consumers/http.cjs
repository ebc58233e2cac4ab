// A subscriber by the CloudEvents SDK for JavaScript. First line on stdout: the port it listens on.
// After that, a line for each event that it was sent, as the SDK read it.
"use strict";
const http = require("node:http");
const { HTTP } = require("cloudevents");

// HTTP binding 3.1.3.2: attributes are percent-encoded in headers, which this SDK leaves to its user.
const decoded = (headers) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, name.startsWith("ce-") ? decodeURIComponent(value) : value]),
  );

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const mode = request.headers["ce-id"] ? "binary" : "structured";
    const event = HTTP.toEvent({ headers: decoded(request.headers), body: Buffer.concat(chunks).toString() });
    event.validate(); // strict: the specification's own JSON Schema, names of extensions
    tell({ mode, event: event.toJSON() });
    response.writeHead(204).end();
  } catch (error) {
    tell({ error: `${error.message} ${JSON.stringify(error.errors ?? null)}` });
    response.writeHead(400).end();
  }
});

server.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
