// Widgets that add a style sheet of their own when they open look here for the nonce that the page's policy names.
// Imported first, as they may look as soon as they are loaded.

const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');

Object.assign(globalThis, { __webpack_nonce__: meta?.nonce });

export {};
