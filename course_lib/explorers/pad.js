// The front end of widgets.LatentPad: a map with a point to drag, and what the point decodes to.
const urlOf = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
const clamp = (v, a, b) => Math.min(Math.max(v, Math.min(a, b)), Math.max(a, b));

function render({ model, el }) {
  const [left, right, bottom, top] = model.get("extent");
  const width = 380;
  let background = new Image();
  let newest = background;
  const canvas = document.createElement("canvas");
  const decoded = document.createElement("img");
  const readout = document.createElement("output");
  const side = document.createElement("div");
  const pad = document.createElement("div"); // JupyterLab decides how el itself is laid out
  let point = model.get("point");
  let height = width;
  let frame = 0;

  pad.classList.add("latent-pad");
  Object.assign(pad.style, { display: "flex", gap: "24px", alignItems: "center", padding: "2px" });
  Object.assign(canvas.style, { touchAction: "none", cursor: "crosshair", flex: "none" });
  canvas.style.outline = "1px solid #d0d7de"; // a border would shift the pointer's coordinates
  Object.assign(decoded.style, { width: "168px", imageRendering: "pixelated" });
  Object.assign(readout.style, { display: "block", fontVariantNumeric: "tabular-nums" });
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Latent map: drag the point or press the arrow keys");
  decoded.alt = "the image decoded from the point";
  side.append(decoded, readout);
  pad.append(canvas, side);
  el.append(pad);

  function paint() {
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    if (background.naturalWidth) pen.drawImage(background, 0, 0, width, height);
    const x = ((point[0] - left) / (right - left)) * width;
    const y = ((point[1] - top) / (bottom - top)) * height;
    for (const [color, line] of [["white", 5], ["#d55e00", 2.5]]) {
      pen.strokeStyle = color;
      pen.lineWidth = line;
      pen.beginPath();
      pen.arc(x, y, 8, 0, 2 * Math.PI);
      pen.stroke();
    }
    readout.textContent = `(${point[0].toFixed(2)}, ${point[1].toFixed(2)})`;
  }

  function moveTo(x, y) {
    point = [clamp(x, left, right), clamp(y, bottom, top)];
    paint();
    // one message a frame, however many events the pointer sends
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      model.set("point", point);
      model.save_changes();
    });
  }

  function follow(event) {
    const box = canvas.getBoundingClientRect();
    moveTo(
      left + ((event.clientX - box.left) / box.width) * (right - left),
      top + ((event.clientY - box.top) / box.height) * (bottom - top),
    );
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) follow(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const [across, up] = [(right - left) / 40, (top - bottom) / 40];
    const arrows = {
      ArrowLeft: [-across, 0], ArrowRight: [across, 0], ArrowUp: [0, up], ArrowDown: [0, -up],
    };
    if (!(event.key in arrows)) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would change cells
    moveTo(point[0] + arrows[event.key][0], point[1] + arrows[event.key][1]);
  });

  const onPoint = () => {
    if (!frame) point = model.get("point"); // our own newer point is still on its way
    paint();
  };
  const onPicture = () => {
    URL.revokeObjectURL(decoded.src);
    decoded.hidden = !model.get("picture")?.byteLength; // a map alone has nothing beside it
    decoded.src = decoded.hidden ? "" : urlOf(model.get("picture"));
  };
  const onBackground = () => {
    const next = (newest = new Image()); // the old one stays until this one can be drawn
    next.onload = () => {
      if (next !== newest) return URL.revokeObjectURL(next.src); // a later one is on its way
      URL.revokeObjectURL(background.src);
      background = next;
      height = (width * background.naturalHeight) / background.naturalWidth;
      paint();
    };
    next.src = urlOf(model.get("background"));
  };
  model.on("change:point", onPoint);
  model.on("change:picture", onPicture);
  model.on("change:background", onBackground);
  onBackground();
  onPicture();
  paint();
  return () => {
    cancelAnimationFrame(frame);
    model.off("change:point", onPoint);
    model.off("change:picture", onPicture);
    model.off("change:background", onBackground);
    URL.revokeObjectURL(background.src);
    URL.revokeObjectURL(decoded.src);
  };
}
export default { render };
