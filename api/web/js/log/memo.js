// A component that is made again only if what it is given has changed. It must use neither hooks nor signals.

import { Component } from '../../vendor/preact.mjs';

export function memo(view) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return Object.keys(next).some((name) => next[name] !== this.props[name]);
    }

    render(props) {
      return view(props);
    }
  };
}
