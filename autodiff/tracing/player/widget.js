/** The player in a frame of its own; `step` goes to and fro: -1 is the start of the backward pass. */
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = model.get("title");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.style.cssText = "box-sizing: border-box; width: 100%; height: 640px; border: 1px solid #8884; border-radius: 8px";
  frame.srcdoc = model.get("page");
  const send = () => frame.contentWindow?.postMessage({ step: model.get("step") }, "*");
  const receive = (event) => {
    if (event.source !== frame.contentWindow) return;
    if (event.data?.ready) send();
    if (!Number.isInteger(event.data?.step)) return;
    if (event.data.step === model.get("step")) return;
    model.set("step", event.data.step);
    model.save_changes();
  };
  addEventListener("message", receive);
  model.on("change:step", send);
  el.append(frame);
  return () => {
    removeEventListener("message", receive);
    model.off("change:step", send);
  };
}

export default { render };
