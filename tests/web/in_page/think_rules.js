// What is said of each text, its pieces `step` characters long, for several steps: [[kind, text], …] and what is visible.
async ([said, texts]) => {
  const { Said } = await import(said);
  const parts = (text, step) => {
    const made = new Said();
    for (let at = 0; at < text.length; at += step) made.add('text', text.slice(at, at + step));
    made.end();
    return [made.parts.map(({ kind, text: part }) => [kind, part]), made.text];
  };
  return texts.map((text) => [1, 2, 3, 5, 8, 1000].map((step) => parts(text, step)));
}
