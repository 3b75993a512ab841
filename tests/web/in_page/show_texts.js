// Shows texts below each other, each as one render gives it, in an element of class `shown` of its own.
async ([markdown, texts]) => {
  const { renderOnce } = await import(markdown);
  const place = document.querySelector('.messages');
  for (const text of texts) {
    const made = document.createElement('div');
    made.className = 'prose shown';
    made.append(renderOnce(text));
    place.append(made);
  }
}
