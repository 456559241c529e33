/** What the page says: in English, and in the language of its texts where there is one. */
let texts = {};

/** A text, whose parts in braces are filled in. */
function say(text, parts = {}) {
  return (texts[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => parts[name] ?? whole);
}

/** So many of something, of which there are two texts. */
const counted = (count, one, more) => say(count === 1 ? one : more, { count });

/** Say what stands in the page already in its language. */
function translate(page) {
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data } = walker.currentNode;
    const text = data.trim();
    if (text in texts) walker.currentNode.data = data.replace(text, texts[text]);
  }
  for (const name of ["title", "aria-label", "placeholder"]) {
    for (const element of page.querySelectorAll(`[${name}]`)) element.setAttribute(name, say(element.getAttribute(name)));
  }
}
