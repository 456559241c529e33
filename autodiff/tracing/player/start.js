/** What the page is made of, once its contents are unpacked; tests wait for `begun`. */
let player, live, updates;
const begun = unpacked(document.getElementById("contents").textContent).then((contents) => {
  texts = contents.texts;
  translate(document);
  player = new Player(document, contents);
  if (contents.program) {
    live = new Live(document, player, program({ ...contents.program, constants: contents.program.constants.map(real) }), contents.slots);
  }
  if (contents.updates) updates = new Updates(document, live, contents.updates);
  if (parent !== window) parent.postMessage({ ready: true }, "*"); // to a widget around the page
}, () => {
  const note = document.getElementById("note");
  note.hidden = false;
  note.textContent = "This browser cannot read the page: it takes Chrome 123, Firefox 120, Safari 17.5 or a later one.";
});
