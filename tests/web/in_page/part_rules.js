// What pure rules about parts say of some cases: [JSON as it is shown], [how long parts took], [what was said below a cut], [texts of a replay].
async ([pretty, cards, branch, replay]) => {
  const { prettyJson } = await import(pretty);
  const { lastedMs } = await import(cards);
  const { saidBelow } = await import(branch);
  const { Replay } = await import(replay);
  const deep = (depth) => '['.repeat(depth) + ']'.repeat(depth);
  const shown = ['{"a":1e400,"a":"\\"}{","b":[]}', ' [ 1 , {} ] ', '1', '"x"', '{', '{"a":1}x', deep(2000)].map(prettyJson);

  const parts = [{ kind: 'reasoning', text: '🎉m' }, { kind: 'text', text: 'Yes' }, { kind: 'tool_call', text: '', callId: 'c', name: 'f' }];
  const chunks = [[1, 100, 1], [2, 2600, 1], [3, 2700, 3], [4, 2800, 0]];
  const lasted = parts.map((part) => lastedMs(chunks, parts, part));

  const place = { generationId: 'g', topic: 'token-chunks', partition: 0 };
  const chunk = (seq, delta, part = null) => ({ ...place, offset: seq, type: 'TokenChunk', payload: { attemptId: 'a', seq, delta, part } });
  const events = [
    { ...place, offset: 0, type: 'AttemptStarted', payload: { attemptId: 'a', number: 1 } },
    chunk(1, 'Hm', { index: 0, kind: 'reasoning', callId: '', name: '' }),
    chunk(2, 'Yes', { index: 1, kind: 'text', callId: '', name: '' }),
    chunk(3, '{', { index: 2, kind: 'tool_call', callId: 'c', name: 'f' }),
    chunk(4, '}', { index: 2, kind: 'tool_call', callId: '', name: '' }),
    chunk(5, '', { index: 3, kind: 'tool_call', callId: 'd', name: 'f' }),
  ];
  const below = [3, 6].map((offset) => saidBelow(events, 'g', `token-chunks:0=${offset}`)).map(({ text, parts: said }) => [text, said.map((each) => [each.kind, each.text])]);

  const answer = { id: 'g', content: 'Yes', status: 'completed', parts };
  const timeline = { chunks, stages: [{ at: '2026-11-30T10:00:00Z' }] };
  const made = new Replay('c', [answer], timeline);
  made.pause();
  const replayed = [100, 2600, 2700].map((ms) => {
    made.seek(ms);
    return made.live.parts.map((each) => [each.kind, each.text]);
  });
  made.seek(100);
  made.goTo(2650);
  made.goTo(2800);
  replayed.push(made.live.parts.map((each) => [each.kind, each.text]));
  const same = made.live.text === 'Yes';
  made.close();
  return [shown, lasted, below, replayed, same];
};
