// Elements of drawings with an attribute that acts, leads somewhere, or has a colour or style of its source.
() => {
  const foreign = ({ name, value }) =>
    /^(?:on|href|xlink)/.test(name) || (name === 'style' && !/^min-width: [\d.]+px;$/.test(value)) || /url\((?!#)|:\/\/|red/.test(value);
  return [...document.querySelectorAll('.diagram')]
    .flatMap(({ shadowRoot }) => [...shadowRoot.querySelectorAll('*')])
    .filter((element) => [...element.attributes].some(foreign))
    .map((element) => element.outerHTML);
};
