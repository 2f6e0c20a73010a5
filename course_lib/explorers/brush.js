// The front end of widgets.BrushPad: an image to paint a hole into, and what fills it.
const urlOf = (bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/png" }));

function render({ model, el }) {
  const [rows, columns] = model.get("size");
  const width = 336;
  const height = (width * rows) / columns;
  const picture = new Image();
  const canvas = document.createElement("canvas");
  const filled = document.createElement("img");
  const clear = document.createElement("button");
  const readout = document.createElement("output");
  const side = document.createElement("div");
  const pad = document.createElement("div"); // JupyterLab decides how el itself is laid out
  let painted = new Uint8Array(rows * columns);
  let cursor = null; // of the keyboard: [row, column]

  pad.classList.add("brush-pad");
  Object.assign(pad.style, { display: "flex", gap: "24px", alignItems: "center", padding: "2px" });
  Object.assign(canvas.style, { touchAction: "none", cursor: "crosshair", flex: "none" });
  canvas.style.outline = "1px solid #d0d7de"; // a border would shift the pointer's coordinates
  Object.assign(filled.style, { width: `${width / 2}px`, imageRendering: "pixelated" });
  Object.assign(readout.style, { display: "block", fontVariantNumeric: "tabular-nums" });
  Object.assign(clear.style, { display: "block", margin: "8px 0" });
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute(
    "aria-label",
    "Image: paint a hole by dragging, or move with the arrow keys and paint with space",
  );
  filled.alt = "the image with its hole filled by the model";
  clear.textContent = "Clear the hole";
  side.append(filled, readout, clear);
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
    pen.imageSmoothingEnabled = false;
    if (picture.naturalWidth) pen.drawImage(picture, 0, 0, width, height);
    pen.fillStyle = "#d55e00";
    const [w, h] = [width / columns, height / rows];
    let count = 0;
    painted.forEach((on, at) => {
      if (!on) return;
      count += 1;
      pen.fillRect((at % columns) * w, Math.floor(at / columns) * h, w + 0.5, h + 0.5);
    });
    if (cursor) {
      pen.strokeStyle = "#56b4e9";
      pen.lineWidth = 2;
      pen.strokeRect(cursor[1] * w, cursor[0] * h, w, h);
    }
    readout.textContent = `${count} of ${rows * columns} pixels painted`;
  }

  // every pixel whose middle lies under the brush, in pixels of the image
  function dab(x, y) {
    const radius = model.get("radius");
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius) {
          painted[row * columns + column] = 1;
        }
      }
    }
    paint();
  }

  function send() {
    model.set("painted", Array.from(painted).join(""));
    model.save_changes();
  }

  let last = null;
  function follow(event) {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * columns;
    const y = ((event.clientY - box.top) / box.height) * rows;
    const [fromX, fromY] = last || [x, y];
    const steps = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
    for (let step = 1; step <= steps; step += 1) {
      dab(fromX + ((x - fromX) * step) / steps, fromY + ((y - fromY) * step) / steps);
    }
    last = [x, y];
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    cursor = null;
    last = null;
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) follow(event);
  });
  canvas.addEventListener("pointerup", send); // the model fills when a stroke has ended
  canvas.addEventListener("keydown", (event) => {
    const arrows = {
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0],
    };
    if (!(event.key in arrows) && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would change cells
    cursor ||= [Math.floor(rows / 2), Math.floor(columns / 2)];
    if (event.key === " ") {
      dab(cursor[1] + 0.5, cursor[0] + 0.5);
      return send();
    }
    const [down, right] = arrows[event.key];
    cursor = [
      Math.min(Math.max(cursor[0] + down, 0), rows - 1),
      Math.min(Math.max(cursor[1] + right, 0), columns - 1),
    ];
    paint();
  });
  clear.addEventListener("click", () => {
    painted.fill(0);
    paint();
    send();
  });

  const onPainted = () => {
    painted = Uint8Array.from(model.get("painted"), Number);
    paint();
  };
  const onPicture = () => {
    URL.revokeObjectURL(picture.src);
    picture.onload = paint;
    picture.src = urlOf(model.get("picture"));
  };
  const onResult = () => {
    URL.revokeObjectURL(filled.src);
    filled.src = urlOf(model.get("result"));
  };
  model.on("change:painted", onPainted);
  model.on("change:picture", onPicture);
  model.on("change:result", onResult);
  onPainted();
  onPicture();
  onResult();
  return () => {
    model.off("change:painted", onPainted);
    model.off("change:picture", onPicture);
    model.off("change:result", onResult);
    URL.revokeObjectURL(picture.src);
    URL.revokeObjectURL(filled.src);
  };
}
export default { render };
