// Two answers to one prompt, of two models: how the second one is asked for, and which one is gone on with.

import { newKey } from './api.js';
import { asking } from './asking.js';
import { promptIdOf } from './derived.js';
import { session } from './state.js';
import { endOf } from './thread.js';
import { send } from './turns.js';

/** The prompt that `live` answers to a second model too, as soon as the server has it. */
export async function askToo(thread, live, model) {
  const id = await live.started;
  const answer = id && !thread.closed && thread.messages.value.find((each) => each.id === id);
  if (answer && !answer.error) compare(thread, answer, model, promptIdOf(session.value?.userId ?? '', thread.id, answer.sentBy));
}

/** Another model's answer to the same prompt, beside this one. `prompt`: its id, where the answer is not complete. */
export function compare(thread, answer, model, prompt = null) {
  const command = { kind: 'regenerate', key: newKey(), of: prompt ?? answer.id, prompt: prompt ?? answer.parentMessageId, asked: asking(thread.id, model) };
  const { beside } = thread;
  const change = (more) => {
    if (beside.value?.key === command.key) beside.value = { ...beside.value, ...more };
  };
  const live = send(thread.id, command, { onStart: (id) => change({ id }), onEnd: (ending) => change({ ...endOf(ending), content: live.text }) });
  beside.value = { key: command.key, id: live.id, of: answer.id, role: 'assistant', content: '', status: 'running', live, model, error: null };
}

/** Goes on with one of the two. The other one stays, as a branch. */
export function pick(thread, answer) {
  const other = thread.beside.value;
  thread.beside.value = null;
  if (answer.key === other?.key) thread.switchTo(answer.id);
  else thread.settle(answer.id);
}
