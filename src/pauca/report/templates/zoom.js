// Look closer at a part of a learning curve: the picture's own viewBox, so nothing is fetched or redrawn.
for (const svg of document.querySelectorAll("figure.zoom svg.plot")) {
  const whole = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  let lens = null, from = null;
  const show = (box) => svg.setAttribute("viewBox", box.join(" "));
  const at = (event) => {
    const point = svg.createSVGPoint();
    point.x = event.clientX;
    point.y = event.clientY;
    return point.matrixTransform(svg.getScreenCTM().inverse());
  };
  const drop = () => {
    if (lens) lens.remove();
    lens = from = null;
  };
  const box = (a, b) => [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
  const scale = (factor) => {
    const [x, y, w, h] = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
    const width = Math.min(whole[2], w * factor), height = Math.min(whole[3], h * factor);
    show(width === whole[2] ? whole : [x + (w - width) / 2, y + (h - height) / 2, width, height]);
  };
  svg.setAttribute("tabindex", "0");
  svg.addEventListener("pointerdown", (event) => {
    from = at(event);
    lens = document.createElementNS(svg.namespaceURI, "rect");
    lens.setAttribute("class", "lens");
    svg.append(lens);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const names = ["x", "y", "width", "height"];
    box(from, at(event)).forEach((value, i) => lens.setAttribute(names[i], value));
  });
  svg.addEventListener("pointerup", (event) => {
    if (!from) return;
    const part = box(from, at(event));
    drop();
    if (part[2] > whole[2] / 60 && part[3] > whole[3] / 60) show(part);
  });
  svg.addEventListener("pointercancel", drop);
  svg.addEventListener("dblclick", () => show(whole));
  svg.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(whole);
    else if (event.key === "+") scale(0.7);
    else if (event.key === "-") scale(1 / 0.7);
  });
}
