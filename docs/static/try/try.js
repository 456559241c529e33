// The page: an editor, what the program printed, and the player of its loss.

const find = (name) => document.querySelector(`#try-${name}`);
const [program, output, player, runButton, stopButton, examples, status] =
  ["program", "output", "player", "run", "stop", "examples", "status"].map(find);
const base = find("base").dataset.folder;
let worker, running, first = true;

function start() {
  worker = new Worker(`${base}/worker.js`, { type: "module" });
  worker.onmessage = ({ data }) => receive(data);
  worker.onerror = (event) => receive({ failed: event.message || "the worker could not be started" });
  status.textContent = "Python is being loaded: 13 MB, once …";
  setRunning(true);
}

function setRunning(now) {
  running = now;
  runButton.disabled = now;
  stopButton.disabled = !now;
}

function run() {
  if (running) return;
  output.textContent = "";
  status.textContent = "running …";
  setRunning(true);
  worker.postMessage({ program: program.value });
}

function receive(data) {
  if (data.printed !== undefined) output.textContent += `${data.printed}\n`;
  if (data.failed) {
    status.textContent = location.protocol === "file:"
      ? "a page from a file may load no Python: serve the folder with python -m http.server, and open it there"
      : `Python could not be loaded: ${data.failed}`;
    setRunning(false);
    runButton.disabled = true;
  }
  if (data.ready) {
    setRunning(false);
    status.textContent = "";
    if (first) run();
    first = false;
  }
  if (data.done) {
    setRunning(false);
    status.textContent = data.error ? "an error" : data.page ? "" : "no loss was computed: the player shows a Value of that name";
    if (data.error) output.textContent += data.error;
    player.srcdoc = data.page || "";
  }
}

function stop() {
  worker.terminate();
  output.textContent += "stopped\n";
  start();
}

for (const example of document.querySelectorAll(".try-example pre")) {
  const title = example.closest(".try-example").dataset.title;
  examples.add(new Option(title, example.textContent.trimEnd() + "\n"));
}
examples.onchange = () => {
  program.value = examples.value;
  run();
};
program.value = examples.value;
program.onkeydown = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
};
runButton.onclick = run;
stopButton.onclick = stop;
start();
