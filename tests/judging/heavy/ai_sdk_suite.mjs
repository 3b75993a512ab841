// The Vercel AI SDK: streamText, generateObject, a tool round, by both of its OpenAI providers.
import test from "node:test";
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const { JUDGED_URL: baseURL, JUDGED_KEY: apiKey, JUDGED_MODEL: id } = process.env;
const openai = createOpenAI({ baseURL, apiKey });
const compatible = createOpenAICompatible({ name: "verbatim", baseURL, apiKey, supportsStructuredOutputs: true });
const models = { "responses (default)": openai(id), chat: openai.chat(id), "openai-compatible": compatible(id) };
const joke = z.object({ setup: z.string(), punchline: z.string() });

for (const [name, model] of Object.entries(models)) {
  test(`${name}: streamText`, async () => {
    const result = streamText({ model, prompt: "[[quote Hello there]]" });
    let text = "";
    for await (const delta of result.textStream) text += delta;
    assert.equal(text, "Hello there");
    assert.equal(await result.finishReason, "stop");
    if (name !== "openai-compatible") assert.ok((await result.usage).totalTokens > 0);
  });

  test(`${name}: generateObject`, async () => {
    const prompt = 'A joke. [[json {"setup": "Why?", "punchline": "So."}]]';
    const { object } = await generateObject({ model, schema: joke, prompt });
    assert.deepEqual(object, { setup: "Why?", punchline: "So." });
  });

  test(`${name}: a round of a tool`, async () => {
    const calls = [];
    const tools = {
      magic: tool({
        description: "Adds.",
        inputSchema: z.object({ a: z.number().int(), b: z.number().int() }),
        execute: async ({ a, b }) => (calls.push([a, b]), a + b),
      }),
    };
    const { text } = await generateText({ model, tools, stopWhen: stepCountIs(3), prompt: "What is magic(20, 22)?" });
    assert.deepEqual(calls, [[20, 22]]);
    assert.match(text, /42/);
  });

  test(`${name}: leaving`, async () => {
    const leaving = new AbortController();
    const result = streamText({ model, prompt: "[[pace 5]] [[count 1000]]", abortSignal: leaving.signal });
    for await (const _ of result.textStream) leaving.abort();
    assert.ok(leaving.signal.aborted);
  });

  test(`${name}: an error is its own`, async () => {
    await assert.rejects(generateText({ model, maxRetries: 0, prompt: "[[fail refused]]" }), { name: "AI_APICallError" });
  });
}
