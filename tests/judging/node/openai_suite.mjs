import test from "node:test";
import assert from "node:assert/strict";
import OpenAI from "openai";

const MODEL = process.env.JUDGED_MODEL;
const client = new OpenAI({ baseURL: process.env.JUDGED_URL, apiKey: process.env.JUDGED_KEY, maxRetries: 0 });
const says = [{ role: "user", content: "[[quote Hello]]" }];
const tool = {
  type: "function",
  function: {
    name: "add",
    parse: JSON.parse,
    function: ({ a, b }) => String(a + b),
    parameters: { type: "object", properties: { a: { type: "integer" }, b: { type: "integer" } } },
  },
};

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
  assert.ok(ids.length > 0);
});

test("chat, whole and streamed", async () => {
  const whole = await client.chat.completions.create({ model: MODEL, messages: says });
  assert.equal(whole.choices[0].message.content, "Hello");
  const stream = client.chat.completions.stream({ model: MODEL, messages: says, stream_options: { include_usage: true } });
  assert.equal(await stream.finalContent(), "Hello");
  assert.ok((await stream.totalUsage()).total_tokens > 0);
});

test("a round of a tool", async () => {
  const runner = client.chat.completions.runTools({
    model: MODEL, stream: true, tools: [tool], messages: [{ role: "user", content: "What is add(3, 4)?" }],
  });
  assert.match(await runner.finalContent(), /7/);
});

test("responses, whole and streamed", async () => {
  const whole = await client.responses.create({ model: MODEL, input: "[[quote Hello]]" });
  assert.equal(whole.output_text, "Hello");
  assert.equal((await client.responses.retrieve(whole.id)).output_text, "Hello");
  const stream = client.responses.stream({ model: MODEL, input: "[[quote Hello]]" });
  const kinds = new Set();
  for await (const event of stream) kinds.add(event.type);
  assert.ok(kinds.has("response.output_text.delta"));
  assert.equal((await stream.finalResponse()).output_text, "Hello");
});

test("embeddings", async () => {
  const made = await client.embeddings.create({ model: "verbatim-embedding", input: ["a log"] });
  assert.equal(made.data[0].embedding.length, 256);
});

test("errors are its classes", async () => {
  await assert.rejects(client.chat.completions.create({ model: "nope", messages: says }), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ model: MODEL, messages: [] }), OpenAI.BadRequestError);
  const stranger = new OpenAI({ baseURL: process.env.JUDGED_URL, apiKey: "vk_" + "x".repeat(43), maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test("who leaves is not answered", async () => {
  const stream = await client.chat.completions.create({
    model: MODEL, stream: true, messages: [{ role: "user", content: "[[pace 5]] [[count 1000]]" }],
  });
  for await (const _ of stream) break;
  assert.ok(stream.controller.signal.aborted);
});
