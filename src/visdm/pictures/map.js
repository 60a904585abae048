"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("map");
  const pen = canvas.getContext("2d");
  const tip = document.getElementById("tip");
  const said = document.getElementById("said");
  const marks = data.marks.map((path) => new Path2D(path));
  const hollow = data.hollow.map((path) => new Path2D(path));
  const EDGE = 24, NEAR = 14, STEP = 48, ZOOM = 1.3, NEAREST = 400;

  const picked = (name) => document.querySelector(`input[name=${name}]:checked`).value;
  const shownIn = { class: [], asset: [] };
  let method = picked("method"), colour = picked("colour");
  let view, fit, told = null, colours = [], card = "#fff", ink = "#000";

  const places = () => data.places[method] || [];
  const centres = () => (method === "pca" ? data.centres : []);
  const isShown = (cls, asset) => shownIn.class[cls] !== false && shownIn.asset[asset] !== false;

  /* A thing is a point, by its number, or a centre, by its number after the last point. */
  const count = () => places().length + centres().length;
  function thing(k) {
    const last = places().length;
    if (k < last) {
      return { place: places()[k], class: data.class[k], asset: data.asset[k], row: data.row[k] };
    }
    return centres()[k - last];
  }
  const onScreen = ([x, y]) => [fit.x + x * fit.k, fit.y - y * fit.k]
    .map((at, axis) => at * view.zoom + view.shift[axis]);

  function words(k) {
    const it = thing(k);
    const lines = [data.names.asset[it.asset], `class ${data.names.class[it.class]}`];
    lines.push("row" in it ? `row ${it.row}` : `middle of ${it.samples} images`);
    return lines;
  }

  function whole() {
    view = { zoom: 1, shift: [0, 0] };
  }

  /* The same scale across and up: distances are what a map is about. */
  function refit() {
    const all = places().concat(centres().map((one) => one.place));
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of all) {
      left = Math.min(left, x); right = Math.max(right, x);
      low = Math.min(low, y); high = Math.max(high, y);
    }
    if (!all.length) [left, right, low, high] = [-1, 1, -1, 1];
    const wide = canvas.clientWidth, tall = canvas.clientHeight;
    const k = Math.min((wide - 2 * EDGE) / (right - left || 1), (tall - 2 * EDGE) / (high - low || 1));
    fit = { k, x: wide / 2 - k * (left + right) / 2, y: tall / 2 + k * (low + high) / 2 };
  }

  function theme() {
    const style = getComputedStyle(document.documentElement);
    colours = [...Array(data.colours).keys()].map((k) => style.getPropertyValue(`--c${k}`).trim());
    card = style.getPropertyValue("--card").trim();
    ink = style.getPropertyValue("--ink").trim();
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const wide = Math.round(canvas.clientWidth * ratio), tall = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== wide || canvas.height !== tall) {
      canvas.width = wide;
      canvas.height = tall;
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    const grown = Math.min(Math.sqrt(view.zoom), 2.5);
    const last = places().length;
    for (let k = 0; k < count(); k++) {
      const it = thing(k);
      if (!isShown(it.class, it.asset)) continue;
      const [x, y] = onScreen(it.place), member = it[colour];
      const shape = data.styles[member % data.styles.length];
      const size = k < last ? grown : 1;
      pen.setTransform(ratio * size, 0, 0, ratio * size, ratio * x, ratio * y);
      if (k < last) {
        pen.globalAlpha = 0.65;
        pen.fillStyle = colours[member % data.colours];
        pen.fill(marks[shape]);
      } else {
        pen.globalAlpha = 1;
        pen.fillStyle = card;
        pen.strokeStyle = colours[member % data.colours];
        pen.lineWidth = 2.5;
        pen.fill(hollow[shape]);
        pen.stroke(hollow[shape]);
      }
    }
    pen.globalAlpha = 1;
    if (told !== null) ring(ratio);
  }

  function ring(ratio) {
    const [x, y] = onScreen(thing(told).place);
    pen.setTransform(ratio, 0, 0, ratio, ratio * x, ratio * y);
    pen.beginPath();
    pen.arc(0, 0, 11, 0, 2 * Math.PI);
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.stroke();
  }

  function tell(k, aloud) {
    told = k;
    tip.hidden = k === null;
    if (k !== null) {
      const lines = words(k), [x, y] = onScreen(thing(k).place);
      tip.replaceChildren(...lines.map((text) => {
        const line = document.createElement("span");
        line.textContent = text;
        return line;
      }));
      const right = x + 16 + tip.offsetWidth > canvas.clientWidth;
      tip.style.left = `${Math.max(0, right ? x - 16 - tip.offsetWidth : x + 16)}px`;
      tip.style.top = `${Math.max(0, Math.min(y - 12, canvas.clientHeight - tip.offsetHeight))}px`;
      if (aloud) said.textContent = lines.join(", ");
    }
    draw();
  }

  function nearest(x, y) {
    let found = null, least = NEAR * NEAR;
    for (let k = 0; k < count(); k++) {
      const it = thing(k);
      if (!isShown(it.class, it.asset)) continue;
      const [px, py] = onScreen(it.place), far = (px - x) ** 2 + (py - y) ** 2;
      if (far <= least) [found, least] = [k, far];
    }
    return found;
  }

  function step(by) {
    let k = told === null ? (by > 0 ? -1 : count()) : told;
    for (let tries = 0; tries < count(); tries++) {
      k = (k + by + count()) % count();
      const it = thing(k);
      if (isShown(it.class, it.asset)) {
        reveal(onScreen(it.place));
        tell(k, true);
        return;
      }
    }
  }

  /* What is told of is in sight. */
  function reveal([x, y]) {
    const inside = x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight;
    if (!inside) move(canvas.clientWidth / 2 - x, canvas.clientHeight / 2 - y);
  }

  function move(x, y) {
    view.shift = [view.shift[0] + x, view.shift[1] + y];
  }

  function zoom(by, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const next = Math.min(Math.max(view.zoom * by, 0.5), NEAREST), factor = next / view.zoom;
    view.shift = [x - (x - view.shift[0]) * factor, y - (y - view.shift[1]) * factor];
    view.zoom = next;
    tell(null);
  }

  function all() {
    whole();
    tell(null);
  }

  const KEYS = {
    ArrowLeft: () => { move(STEP, 0); tell(null); },
    ArrowRight: () => { move(-STEP, 0); tell(null); },
    ArrowUp: () => { move(0, STEP); tell(null); },
    ArrowDown: () => { move(0, -STEP); tell(null); },
    "+": () => zoom(ZOOM),
    "=": () => zoom(ZOOM),
    "-": () => zoom(1 / ZOOM),
    0: all,
    n: () => step(1),
    p: () => step(-1),
    Escape: () => tell(null),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  const held = new Map();
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left - canvas.clientLeft, event.clientY - box.top - canvas.clientTop];
  };
  const apart = () => {
    const [[ax, ay], [bx, by]] = [...held.values()];
    return Math.hypot(ax - bx, ay - by) || 1;
  };
  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, at(event));
    canvas.setPointerCapture(event.pointerId);
    canvas.classList.add("held");
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event), before = held.get(event.pointerId);
    if (!before) {
      const k = nearest(x, y);
      if (k !== told) tell(k);
      return;
    }
    const distance = held.size === 2 ? apart() : 0;
    held.set(event.pointerId, [x, y]);
    if (held.size === 1) {
      move(x - before[0], y - before[1]);
      if (x !== before[0] || y !== before[1]) tell(null);
    } else if (distance) {
      const [[ax, ay], [bx, by]] = [...held.values()];
      zoom(apart() / distance, (ax + bx) / 2, (ay + by) / 2);
    }
  });
  function release(event) {
    held.delete(event.pointerId);
    if (!held.size) canvas.classList.remove("held");
    if (event.type === "pointerup") tell(nearest(...at(event)));
  }
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { if (!held.size) tell(null); });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey && Math.abs(event.deltaY) < 40 ? 0.01 : 0.0015)), ...at(event));
  }, { passive: false });

  document.getElementById("nearer").addEventListener("click", () => zoom(ZOOM));
  document.getElementById("farther").addEventListener("click", () => zoom(1 / ZOOM));
  document.getElementById("whole").addEventListener("click", all);

  function choose() {
    const before = method;
    method = picked("method");
    colour = picked("colour");
    for (const line of document.querySelectorAll(".axes")) {
      line.hidden = line.dataset.method !== method;
    }
    for (const legend of document.querySelectorAll("[data-legend]")) {
      legend.classList.toggle("plain", legend.dataset.legend !== colour);
    }
    if (before !== method) whole();
    refit();
    tell(null);
  }
  function readBoxes() {
    for (const box of document.querySelectorAll("input[data-group]")) {
      shownIn[box.dataset.group][box.dataset.place] = box.checked;
    }
  }
  function filter() {
    readBoxes();
    tell(null);
  }
  for (const button of document.querySelectorAll(".choice input")) {
    button.addEventListener("change", choose);
  }
  for (const box of document.querySelectorAll("input[data-group]")) {
    box.addEventListener("change", filter);
  }
  for (const button of document.querySelectorAll("[data-all]")) {
    button.addEventListener("click", () => {
      const boxes = [...document.querySelectorAll(`input[data-group=${button.dataset.all}]`)];
      const some = boxes.some((box) => !box.checked);
      for (const box of boxes) box.checked = some;
      filter();
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    theme();
    draw();
  });
  new ResizeObserver(() => { refit(); tell(null); }).observe(canvas);
  whole();
  theme();
  readBoxes(); // which browsers keep as they were when a page is loaded again
  choose();
})();
