// Python, the engine and Graphviz, in a thread of their own: a program that never ends is ended with its thread.

import { Graphviz } from "./graphviz.js";
import { loadPyodide } from "./pyodide/pyodide.mjs";

const text = async (file) => (await fetch(new URL(file, import.meta.url))).text();
const bytes = async (file) => (await fetch(new URL(file, import.meta.url))).arrayBuffer();

const ready = (async () => {
  const [graphviz, python, wheels] = await Promise.all([
    Graphviz.load(),
    loadPyodide({ stdout: print, stderr: print }),
    text("wheels.json").then(JSON.parse),
  ]);
  for (const wheel of wheels) python.unpackArchive(await bytes(wheel), "wheel");
  python.registerJsModule("page_graphviz", { layout: (source, format) => graphviz.layout(source, format, "dot") });
  python.runPython(await text("page.py"));
  return python.globals.get("run");
})();

function print(line) {
  postMessage({ printed: line });
}

ready.then(() => postMessage({ ready: true }), (error) => postMessage({ failed: String(error) }));

onmessage = async ({ data }) => {
  const run = await ready;
  const [page, error] = run(data.program);
  postMessage({ done: true, page, error });
};
