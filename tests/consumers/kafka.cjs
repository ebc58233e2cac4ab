// node kafka.cjs BROKER COUNT TOPIC...: the first COUNT messages of the topics, committed ones only, a line
// each, as the CloudEvents SDK for JavaScript reads them from KafkaJS.
"use strict";
const { Kafka: binding } = require("cloudevents");
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require("kafkajs");
const { decompress } = require("fzstd");

const [broker, count, ...topics] = process.argv.slice(2);

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: () => Promise.reject(new Error("this only reads")),
  decompress: async (bytes) => Buffer.from(decompress(bytes)),
});

function read(topic, message) {
  const key = message.key.toString();
  if (message.value === null) return { topic, key, tombstone: true };
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, value.toString()]));
  const event = binding.toEvent({ headers, key, value: message.value });
  event.validate();
  return { topic, key, event: event.toJSON() };
}

async function main() {
  const client = new Kafka({ brokers: [broker], clientId: "consumers", logLevel: logLevel.ERROR });
  const consumer = client.consumer({ groupId: `consumers-${process.pid}`, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  let left = Number(count);
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer
      .run({
        eachMessage: async ({ topic, message }) => {
          if (left <= 0) return;
          let line;
          try {
            line = read(topic, message);
          } catch (error) {
            line = { topic, error: `${error.message} ${JSON.stringify(error.errors ?? null)}` };
          }
          process.stdout.write(`${JSON.stringify(line)}\n`);
          if (--left === 0) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
