// What all explorables share: their place on the page, elements, sliders, plots, and numbers as text
const SVG = new Set(['svg', 'g', 'path', 'rect', 'circle', 'line', 'polyline', 'text', 'title', 'image', 'defs', 'clipPath', 'marker']);
function el(tag, attrs = {}, ...children) {
  const e = SVG.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) k.startsWith('on') ? e.addEventListener(k.slice(2), v) : e.setAttribute(k, v);
  e.append(...children);
  return e;
}
function num(x, digits = 3) {  // as short as it can be said
  if (!isFinite(x)) return isNaN(x) ? 'nan' : x < 0 ? '-inf' : 'inf';
  if (x !== 0 && (Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3)) return x.toExponential(1).replace('e+', 'e');
  return String(+x.toPrecision(digits));
}
const uniforms = seed => () => {  // random numbers between 0 and 1 (mulberry32)
  seed = seed + 0x6D2B79F5 | 0;
  let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
  return ((t ^ t >>> 14) >>> 0)/2**32;
};
const normals = uniform => () => Math.sqrt(-2*Math.log(1 - uniform()))*Math.cos(2*Math.PI*uniform());  // Box and Muller
function slider(name, range, value, show, changed) {  // a named slider with its value as text; `range` is [least, most, step]
  const out = el('output', {}, show(value));
  const input = el('input', {type: 'range', min: range[0], max: range[1], step: range[2], value, 'aria-valuetext': show(value)});
  const set = v => { input.value = v; out.textContent = show(+input.value); input.setAttribute('aria-valuetext', show(+input.value)); changed(+input.value); };
  input.addEventListener('input', () => set(input.value));
  return {row: el('label', {}, el('span', {}, name), input, out), input, set, get value() { return +input.value; }};
}
function plot(width, height, x, y, name) {  // axes from x[0] to x[1] and from y[0] to y[1]; what is drawn beyond them is cut off
  const [l, r, t, b] = [44, 8, 8, 24], id = `ff-clip-${plot.count = (plot.count || 0) + 1}-${Math.random().toString(36).slice(2)}`;
  const px = v => l + (v - x[0])/(x[1] - x[0])*(width - l - r), py = v => height - b - (v - y[0])/(y[1] - y[0])*(height - t - b);
  const clip = v => Math.max(-1e4, Math.min(1e4, v)), layer = el('g', {'clip-path': `url(#${id})`});
  const svg = el('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': name},
    el('defs', {}, el('clipPath', {id}, el('rect', {x: l, y: t, width: width - l - r, height: height - t - b}))),
    el('rect', {x: l, y: t, width: width - l - r, height: height - t - b, fill: 'none', stroke: '#888'}), layer);
  const label = (at, text, anchor) => svg.append(el('text', {...at, 'text-anchor': anchor, 'font-size': 12}, text));
  return {svg, layer, px, py,
    ticks(xs, ys) {
      for (const [v, text] of xs) label({x: Math.min(px(v), width - 3.5*text.length), y: height - 8}, text, 'middle');
      for (const [v, text] of ys) label({x: l - 5, y: py(v) + 4}, text, 'end');
    },
    draw(points, attrs = {}) { return `M${points.map(p => `${clip(px(p[0])).toFixed(1)},${clip(py(p[1])).toFixed(1)}`).join(' L')}`; },
    path(attrs) { const e = el('path', {fill: 'none', 'stroke-width': 2, ...attrs}); layer.append(e); return e; },
  };
}
function start(id, explore, data) {
  const root = document.querySelector(`[data-explorable="${id}"]:not([data-on])`), stage = el('div');
  if (!root) return;
  root.setAttribute('data-on', '');
  root.explorable = explore(stage, data);  // for tests, and for the curious at the console
  root.querySelector('.ff-still').replaceWith(stage);  // last, so that the picture stays if something is missing
}
