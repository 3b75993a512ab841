// What is read of each flowchart, as lines; null: it stays code. And the beginnings of long prompts.
async ([flowchart, faithful, folding, charts, prompts]) => {
  const { plainFlowchart } = await import(flowchart);
  const { linesOf } = await import(faithful);
  const { beginningOf } = await import(folding);
  const plain = (chart) => {
    const lines = linesOf(`graph LR;\n%% a note\n${chart}`);
    return lines && plainFlowchart(lines);
  };
  return [charts.map(plain), prompts.map(beginningOf)];
}
